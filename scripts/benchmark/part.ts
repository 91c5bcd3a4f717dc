import type { Scene, TestServer } from "../../test/support/scene.ts";

export type Unit = "ms" | "s" | "µs" | "/s" | "MB/s" | "MiB/s" | "MiB" | "KiB" | "%" | "";

/** What the same round measured without us: a trivial server, the bare program, the disk. */
export interface Limit {
  readonly what: string;
  readonly samples: readonly number[];
}

/**
 * What a figure should be: an amount in the row's unit, or so many times the limit beside it. An amount was set beside a limit of
 * `reference` on the machine of that day: on another one it can be judged by the ratio, too.
 */
export type Goal =
  | { readonly kind: "at most"; readonly value: number; readonly reference?: number | undefined }
  | { readonly kind: "at least"; readonly value: number; readonly reference?: number | undefined }
  | { readonly kind: "at most of limit"; readonly times: number; readonly plus?: number | undefined }
  | { readonly kind: "at least of limit"; readonly times: number };

/** One line of the table. `share` says which sample counts: 0.5 is the median, 0.99 the slowest hundredth. */
export interface MeasuredRow {
  readonly kind: "measured";
  readonly what: string;
  readonly unit: Unit;
  readonly samples: readonly number[];
  readonly share?: number | undefined;
  readonly limit?: Limit | undefined;
  readonly goal?: Goal | undefined;
}

/** A line that could not be measured here, and why. */
export interface MissingRow {
  readonly kind: "missing";
  readonly what: string;
  readonly why: string;
}

export type Row = MeasuredRow | MissingRow;

/** A storage that servers of the benchmark have. */
export interface Storage {
  readonly name: "SQLite" | "PostgreSQL";
  /** Opens a server with an empty one, whose limits of rates and counts are off. */
  server(scene: Scene, args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<TestServer>;
}

/** PostgreSQL as a whole, or why there is none. */
export type Postgres =
  | {
      readonly kind: "here";
      readonly storage: Storage;
      readonly url: string;
      readonly bin: string;
      /** Opens so many servers on one empty database, with limits off; `deaf` ones hear nothing of each other. */
      readonly replicas: (scene: Scene, count: number, hearing?: "deaf") => Promise<readonly TestServer[]>;
    }
  | { readonly kind: "absent"; readonly why: string };

/** Where a part measures. The scene is the part's own: all that it starts there is ended with it. */
export interface Bench {
  readonly scene: Scene;
  readonly rounds: number;
  /** How many idle agents, for the parts that ask. */
  readonly agents: readonly number[];
  /** How many queued runs, for the part that asks. */
  readonly queued: readonly number[];
  /** How many agents or queued runs, for the part that asks whether costs grow with them. */
  readonly sizes: readonly number[];
  readonly sandbox: "auto" | "none";
  /** Packed real providers; empty: fakes. */
  readonly providerMirror: string;
  readonly sqlite: Storage;
  /** Aborted when the benchmark is to end: what fails from then on is no failure. */
  readonly signal: AbortSignal;
  /** Starts PostgreSQL when it is first asked for. */
  postgres(): Promise<Postgres>;
}

/** A group of rows that are measured together. */
export interface Part {
  readonly name: string;
  readonly about: string;
  /** With the default number of rounds on an idle machine of 2 cores; twenty times as long is an error. */
  readonly usualSeconds: number;
  measure(bench: Bench): Promise<readonly Row[]>;
}

/** Both storages in turn; a loud row instead of PostgreSQL where there is none, or where it fails. */
export async function onEachStorage(
  bench: Bench,
  what: string,
  measure: (storage: Storage) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const rows = await measure(bench.sqlite);
  const postgres = await bench.postgres();
  const name = `${what}, PostgreSQL`;
  if (postgres.kind === "absent") return [...rows, { kind: "missing", what: name, why: postgres.why }];
  return [...rows, ...(await orMissing(bench, name, () => measure(postgres.storage)))];
}

/** Rows, or one that says that they failed: what the rows before them have shown is not lost with them. */
export async function orMissing(
  { signal }: Pick<Bench, "signal">,
  what: string,
  measure: () => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  try {
    return await measure();
  } catch (error) {
    if (signal.aborted) throw error;
    console.error(`${what} failed:`, error);
    process.exitCode = 1;
    return [{ kind: "missing", what, why: `it failed: ${String(error).split("\n")[0]}` }];
  }
}
