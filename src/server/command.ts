import type { Clock } from "../lib/clock.ts";
import type { CommandFlag } from "../lib/command-line.ts";
import type { Environment } from "../lib/environment.ts";
import type { Log } from "../lib/program/log.ts";
import type { Random } from "../lib/random.ts";
import type { Origins } from "../lib/settings.ts";
import type { serverSettings } from "../settings/server.ts";
import type { ServerSettings } from "./settings.ts";

/** Settings that every command heeds. */
export const commonSettings = [
  ...["config", "dataDir", "databaseUrl", "databaseDirectUrl", "databasePooling", "databaseConnections"],
  ...["databaseStatementTimeout", "databasePasswordFile", "blobUrl", "logLevel", "logFormat"],
] as const;

/** Everything that a command was called with. */
export interface CommandCall {
  readonly settings: ServerSettings;
  readonly origins: Origins<typeof serverSettings>;
  readonly environment: Environment;
  /** Its own flags; a switch is "true". */
  readonly own: Readonly<Record<string, string>>;
  readonly words: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The answer: standard output. */
  say(text: string): void;
  /** Everything else: standard error. */
  note(text: string): void;
}

/** A subcommand of windlassd. */
export interface ServerCommand {
  readonly name: string;
  /** What follows the name. */
  readonly usage: string;
  /** A few words, for the list of commands. */
  readonly summary: string;
  readonly about: string;
  readonly examples: readonly string[];
  readonly flags: readonly CommandFlag[];
  readonly words: { readonly min: number; readonly max: number };
  /** The settings that it heeds beside the common ones: its help tells no others. */
  readonly heeds: "all" | readonly (keyof ServerSettings)[];
  /** Answers the exit code; throws a `StartError` or an error of the stores. */
  run(call: CommandCall): Promise<number>;
}
