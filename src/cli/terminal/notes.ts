import { textWidth } from "../../lib/text/wrap-text.ts";
import { isOn, variable } from "../line/environment.ts";
import type { GlobalValues } from "../line/global-flags.ts";
import type { Hint } from "../problems/problem.ts";
import type { Io } from "./io.ts";
import { type Output, remarksOf } from "./output.ts";
import { styled, type Text, yellow } from "./painted.ts";
import { type Coloring, type Signs, signs } from "./terminal.ts";

type Settings = Pick<GlobalValues, "quiet" | "verbose" | "debug"> & Coloring;

/** What the CLI says besides its answer, on stderr: progress, next steps, warnings. */
export class Notes {
  readonly #io: Io;
  readonly #settings: Settings;
  readonly #out: Output;
  readonly #last: string[] = [];
  #gauged = "";
  readonly signs: Signs;

  constructor(io: Io, settings: Settings) {
    this.#io = io;
    this.#settings = settings;
    this.#out = remarksOf(io, settings);
    this.signs = signs(io.environment);
  }

  /** Progress; silent with `--quiet`. */
  say(line: Text): void {
    if (this.#settings.quiet !== true) this.#line(line);
  }

  /** Progress of something that takes time: off a terminal with the time in front. */
  progress(line: string): void {
    const now = this.#io.clock
      .now()
      .toISOString()
      .replace(/\.\d+Z$/, "Z");
    this.say(this.#out.isTty ? line : `${now} ${line}`);
  }

  /** Said below the answer, whenever that comes; silent with `--quiet`. */
  afterwards(line: string): void {
    this.#last.push(line);
  }

  /** The answer stands: says what belongs below it. */
  flush(): void {
    for (const line of this.#last.splice(0)) this.say(line);
  }

  /** How far something is, in place of what this said before; only on a terminal. Empty wipes it away. */
  gauge(line: string): void {
    if (this.#settings.quiet === true || line === this.#gauged) return;
    this.#gauged = line;
    this.#out.gauge(line);
  }

  /** Something that should be looked at; shown even with `--quiet`. */
  warn(line: string): void {
    this.#line(styled`${yellow(this.signs.warn)} ${line}`);
  }

  /** Commands to go on with. */
  next(hints: readonly Hint[]): void {
    if (this.#settings.quiet !== true) this.#out.say(hintLines(hints, this.#out.columns));
  }

  /** Only with `--verbose`. */
  verbose(line: string): void {
    if (this.#settings.verbose === true) this.#line(line);
  }

  /** Writes a line about a call; undefined unless `--debug` was given. */
  get debug(): ((line: string) => void) | undefined {
    const isDebug = this.#settings.debug ?? isOn(variable(this.#io.environment, "WINDLASS_DEBUG"));
    return isDebug ? (line) => this.#line(line) : undefined;
  }

  #line(line: Text): void {
    this.#out.say(this.#out.fitted([line]));
  }
}

/**
 * Indented commands with their labels, aligned; at most four. Where one does not fit, all stand below their labels: a
 * command is never broken, so that it can be pasted.
 */
export function hintLines(hints: readonly Hint[], width: number | undefined): readonly string[] {
  const shown = hints.slice(0, 4);
  const labels = Math.max(0, ...shown.map(({ label }) => label.length));
  const lines = shown.map(({ label, command }) => `  ${`${label}:`.padEnd(labels + 2)} ${command}`);
  const fits = width === undefined || lines.every((line) => textWidth(line) <= width);
  return fits ? lines : shown.flatMap(({ label, command }) => [`  ${label}:`, `    ${command}`]);
}
