import { writeFile } from "node:fs/promises";
import { findPostgresBin } from "../test/postgres-server.ts";
import { openScene } from "../test/support/scene.ts";
import { currentLoad, lookAtMachine, type Machine, machineText } from "./benchmark/machine.ts";
import { checkPage, type MeasuredPart, writePage } from "./benchmark/markdown.ts";
import { defaultRounds, type Options, readOptions, usage } from "./benchmark/options.ts";
import { type Bench, orMissing, type Part, type Postgres } from "./benchmark/part.ts";
import { parts } from "./benchmark/parts.ts";
import { openPostgres, sqlite } from "./benchmark/storages.ts";
import { plainTable } from "./benchmark/table.ts";
import { now } from "./benchmark/timing.ts";

const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Rejects when the benchmark is to end: what it has started is ended then, and the signal does what it always does. */
class Interruption {
  readonly #ending = new AbortController();
  readonly #rejected = Promise.withResolvers<never>();
  signaled: NodeJS.Signals | undefined;

  constructor() {
    this.#rejected.promise.catch(() => {});
    // A terminal and some programs send it more than once.
    for (const signal of endings) process.on(signal, this.#end);
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  race<Answer>(work: Promise<Answer>): Promise<Answer> {
    return Promise.race([work, this.#rejected.promise]);
  }

  /** Does at last what the signal does to other programs. */
  raise(): void {
    if (this.signaled === undefined) return;
    console.error(`${this.signaled}: everything that was started has been ended`);
    for (const signal of endings) process.off(signal, this.#end);
    process.kill(process.pid, this.signaled);
  }

  readonly #end = (signal: NodeJS.Signals): void => {
    this.signaled ??= signal;
    this.#ending.abort();
    this.#rejected.reject(new Error(`ended by ${signal}`));
  };
}

/** Twenty times the usual time of a part, for as many rounds: a busy machine is slow, and what hangs must end. */
const longestMs = ({ usualSeconds }: Part, rounds: number): number =>
  Math.max(300, 20 * usualSeconds * Math.max(1, rounds / defaultRounds)) * 1000;

async function bounded<Answer>(work: Promise<Answer>, ms: number): Promise<Answer> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`it took longer than ${Math.round(ms / 1000)} s`)), ms);
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}

/** Measures one part in a scene of its own. A part that fails is a row that says so, and the others go on. */
async function measured(part: Part, bench: Omit<Bench, "scene">, interruption: Interruption): Promise<MeasuredPart> {
  const startedAt = now();
  const rows = await orMissing(bench, part.about, async () => {
    await using scene = await openScene();
    return await interruption.race(bounded(part.measure({ ...bench, scene }), longestMs(part, bench.rounds)));
  });
  return { name: part.name, about: part.about, seconds: Math.round((now() - startedAt) / 1000), rows };
}

async function measureAll(options: Options, interruption: Interruption): Promise<void> {
  if (options.markdown !== undefined) await checkPage(options.markdown);
  await using held = new AsyncDisposableStack();
  let opening: Promise<Postgres> | undefined;
  const postgres = () => (opening ??= openPostgres(held));
  const { rounds, agents, queued, sizes, sandbox, providerMirror } = options;
  const machine = await lookAtMachine(findPostgresBin());
  console.log(`${machineText(machine)}\nrounds: ${options.rounds}`);
  const place = {
    rounds,
    agents,
    queued,
    sizes,
    sandbox,
    providerMirror,
    sqlite,
    postgres,
    signal: interruption.signal,
  };
  const done: MeasuredPart[] = [];
  for (const part of options.parts) {
    console.error(`… ${part.name}: ${part.about}, usually ${part.usualSeconds} s`);
    const found = await measured(part, place, interruption);
    console.log(
      `\n${found.name}: ${found.about} (${found.seconds} s, load ${currentLoad().join(" ")})\n${plainTable(found.rows)}`,
    );
    done.push(found);
    await save(options, machine, done);
  }
}

/** After each part: what a run has measured is not lost with what comes after it. */
async function save(
  { json, markdown, rounds }: Options,
  machine: Machine,
  done: readonly MeasuredPart[],
): Promise<void> {
  const run = { at: new Date().toISOString(), command: commandLine(), rounds, machine, loadAfter: currentLoad() };
  if (json !== undefined) await writeFile(json, `${JSON.stringify({ ...run, parts: done }, null, 2)}\n`);
  if (markdown !== undefined) await writePage(markdown, { ...run, parts: done });
}

const commandLine = (): string => ["scripts/bench", ...process.argv.slice(2)].join(" ");

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2), parts, process.env.BENCH_PROVIDER_MIRROR);
  if (options.help) return console.log(usage(parts));
  const interruption = new Interruption();
  try {
    await measureAll(options, interruption);
  } catch (error) {
    if (interruption.signaled === undefined) throw error;
    interruption.raise();
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
