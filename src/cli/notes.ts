import { isOn, variable } from "./environment.ts";
import type { GlobalValues } from "./global-flags.ts";
import type { Io } from "./io.ts";
import type { Hint } from "./problem.ts";
import { type Colors, colors, hasColor, type Signs, signs } from "./terminal.ts";

type Settings = Pick<GlobalValues, "quiet" | "verbose" | "debug" | "noColor">;

/** What the CLI says besides its answer, on stderr: progress, next steps, warnings. */
export class Notes {
  readonly #io: Io;
  readonly #settings: Settings;
  readonly signs: Signs;
  readonly colors: Colors;

  constructor(io: Io, settings: Settings) {
    this.#io = io;
    this.#settings = settings;
    this.signs = signs(io.environment);
    this.colors = colors(hasColor(io.stderr, io.environment, settings.noColor === true));
  }

  /** Progress; silent with `--quiet`. */
  say(line: string): void {
    if (this.#settings.quiet !== true) this.#line(line);
  }

  /** Progress of something that takes time: off a terminal with the time in front. */
  progress(line: string): void {
    const { isTty } = this.#io.stderr;
    const now = this.#io.clock
      .now()
      .toISOString()
      .replace(/\.\d+Z$/, "Z");
    this.say(isTty ? line : `${now} ${line}`);
  }

  /** How far something is, in place of what this said before; only on a terminal. Empty wipes it away. */
  gauge(line: string): void {
    const { isTty, stream } = this.#io.stderr;
    if (isTty && this.#settings.quiet !== true) stream.write(`\r\u001b[K${line}`);
  }

  /** Something that should be looked at; shown even with `--quiet`. */
  warn(line: string): void {
    this.#line(`${this.colors.yellow(this.signs.warn)} ${line}`);
  }

  /** Commands to go on with. */
  next(hints: readonly Hint[]): void {
    for (const line of hintLines(hints)) this.say(line);
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

  #line(line: string): void {
    this.#io.stderr.stream.write(`${line}\n`);
  }
}

/** Indented commands with their labels, aligned; at most four. */
export function hintLines(hints: readonly Hint[]): readonly string[] {
  const shown = hints.slice(0, 4);
  const width = Math.max(0, ...shown.map(({ label }) => label.length));
  return shown.map(({ label, command }) => `  ${`${label}:`.padEnd(width + 2)} ${command}`);
}
