import { readArguments } from "../../lib/arguments.ts";
import type { Environment } from "../../lib/environment.ts";
import { isOn, variable } from "../line/environment.ts";
import { shapesOf } from "../line/flags.ts";
import { type GlobalValues, globalFlags } from "../line/global-flags.ts";
import type { Io, OutputStream } from "./io.ts";

/** What a command line says of colours. */
export interface Coloring {
  readonly color?: GlobalValues["color"] | undefined;
  readonly noColor?: GlobalValues["noColor"] | undefined;
}

/**
 * Whether colours may be written to this stream: `--color`, then `NO_COLOR`, then `FORCE_COLOR`, then what the stream
 * is.
 */
export function hasColor({ isTty }: OutputStream, environment: Environment, { color, noColor }: Coloring): boolean {
  if (noColor === true || color === "never") return false;
  if (color === "always") return true;
  if (variable(environment, "NO_COLOR") !== undefined) return false;
  const forced = variable(environment, "FORCE_COLOR");
  if (forced !== undefined && forced !== "0") return true;
  return isTty && environment.TERM !== "dumb";
}

/** The same before the command line is understood. */
export function coloringIn(args: readonly string[]): Coloring {
  const { given } = readArguments(args, shapesOf(globalFlags));
  const color = (["always", "never", "auto"] as const).find((known) => given.get("color")?.includes(known));
  return { color, noColor: given.get("no-color")?.some(isOn) };
}

/** The few signs in messages, in a form that the terminal's character set has. */
export interface Signs {
  readonly ok: string;
  readonly dot: string;
  readonly up: string;
  readonly warn: string;
}

export function signs(environment: Environment): Signs {
  const locale = ["LC_ALL", "LC_CTYPE", "LANG"].map((name) => variable(environment, name)).find((one) => one);
  const isUtf8 = /utf-?8/i.test(locale ?? "");
  return isUtf8 ? { ok: "✓", dot: "●", up: "↑", warn: "!" } : { ok: "ok", dot: "*", up: "^", warn: "!" };
}

/** Whether a person is there to answer: stdin and stderr are terminals, and neither flag nor environment forbids asking. */
export function isInteractive({ stdin, stderr, environment }: Io, { noInput }: Pick<GlobalValues, "noInput">): boolean {
  if (noInput === true || isOn(variable(environment, "WINDLASS_NO_INPUT"))) return false;
  const ci = variable(environment, "CI");
  return stdin.isTty && stderr.isTty && (ci === undefined || ci === "false");
}
