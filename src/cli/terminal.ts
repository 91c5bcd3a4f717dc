import picocolors from "picocolors";
import type { Environment } from "../lib/environment.ts";
import { isOn, variable } from "./environment.ts";
import type { GlobalValues } from "./global-flags.ts";
import type { Io, OutputStream } from "./io.ts";

export type Colors = ReturnType<typeof picocolors.createColors>;

/** Whether colours may be written to this stream: `NO_COLOR`, then `FORCE_COLOR`, then what the stream is. */
export function hasColor({ isTty }: OutputStream, environment: Environment, isForbidden: boolean): boolean {
  if (isForbidden || variable(environment, "NO_COLOR") !== undefined) return false;
  const forced = variable(environment, "FORCE_COLOR");
  if (forced !== undefined && forced !== "0") return true;
  return isTty && environment.TERM !== "dumb";
}

/** Colours that are no-ops unless enabled. The package's own guess is not used: it colours pipes when `CI` is set. */
export const colors = (isEnabled: boolean): Colors => picocolors.createColors(isEnabled);

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
