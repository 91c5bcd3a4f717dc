import { appendFileSync } from "node:fs";
import { type Context, Failure } from "./kinds.ts";
import { text, type Values } from "./values.ts";

/** The environment and the `provider` block: the block wins. */
export class Configuration implements Context {
  readonly env: NodeJS.ProcessEnv;
  readonly #stopping = new AbortController();
  #values: Values = {};

  constructor(env: NodeJS.ProcessEnv) {
    this.env = env;
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  configure(values: Values): void {
    this.#values = values;
  }

  readonly log = (...words: readonly string[]): void => {
    const file = text(this.#values.log) || this.env.FAKE_PROVIDER_LOG;
    if (file !== undefined) appendFileSync(file, `${words.join(" ")}\n`);
  };

  readonly directory = (): string => {
    const directory = text(this.#values.directory) || this.env.FAKE_PROVIDER_DIRECTORY;
    if (directory !== undefined) return directory;
    throw new Failure("No directory", "Databases and roles need a `directory` in the provider block.", "directory");
  };

  readonly drift = (): string => this.env.FAKE_PROVIDER_DRIFT ?? "";

  stop(): void {
    this.log("stop");
    this.#stopping.abort();
  }
}
