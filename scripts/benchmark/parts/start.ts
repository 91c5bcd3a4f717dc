import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freshName } from "../../../test/support/api.ts";
import { type ProgramName, programPath } from "../../../test/support/programs.ts";
import type { Scene, TestServer } from "../../../test/support/scene.ts";
import type { Bench, Goal, Part, Row } from "../part.ts";
import { usageOf } from "../process-usage.ts";
import { now, pause } from "../timing.ts";

/** How long a program has nothing to do before its memory is read. */
const idleMs = 30_000;
const longestStartMs = 60_000;

export const start: Part = {
  name: "start",
  about: "how the programs start, and what they hold when they have nothing to do, beside an empty Node",
  usualSeconds: 75,
  measure,
};

/** How a program is called. */
interface Way {
  readonly label: string;
  readonly isBundle: boolean;
  readonly call: (name: ProgramName) => readonly string[];
}

const sourceOf = (name: ProgramName): string => fileURLToPath(new URL(`../../../cmd/${name}.ts`, import.meta.url));

const ways: readonly Way[] = [
  { label: "", isBundle: true, call: (name) => [programPath(name)] },
  {
    ...{ label: ", from source", isBundle: false },
    call: (name) => [process.execPath, "--disable-warning=ExperimentalWarning", sourceOf(name)],
  },
];

interface Started extends AsyncDisposable {
  readonly pid: number;
  /** Until it said what was waited for. */
  readonly ms: number;
}

/** Starts programs that are ended with the scene. */
class Starter {
  readonly #scene: Scene;
  readonly #running = new Set<ChildProcess>();

  constructor(scene: Scene) {
    this.#scene = scene;
    scene.defer(async () => {
      await Promise.all([...this.#running].map((child) => ended(child, "SIGKILL")));
    });
  }

  /** Waits for what a program says on standard error. */
  async until([command = "", ...args]: readonly string[], pattern: RegExp): Promise<Started> {
    const startedAt = now();
    const child = this.#spawn(command, args, {});
    const late = setTimeout(() => child.kill("SIGKILL"), longestStartMs);
    let text = "";
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    child.stderr?.on("data", (chunk) => {
      text += String(chunk);
      if (pattern.test(text)) resolve(now() - startedAt);
    });
    child.once("exit", () =>
      reject(new Error(`${command} has ended before it said ${pattern}: ${text.slice(-2_000)}`)),
    );
    const ms = await promise.finally(() => clearTimeout(late));
    return { pid: child.pid ?? 0, ms, [Symbol.asyncDispose]: () => ended(child, "SIGTERM") };
  }

  /** From the start of a command to its end. */
  async whole([command = "", ...args]: readonly string[], server?: TestServer): Promise<number> {
    const more = server && { WINDLASS_ADDRESS: server.url, WINDLASS_TOKEN_FILE: server.adminTokenFile };
    const startedAt = now();
    const child = this.#spawn(command, args, more ?? {});
    const [code] = await once(child, "exit", { signal: AbortSignal.timeout(longestStartMs) });
    if (code !== 0) throw new Error(`${[command, ...args].join(" ")} ended with ${code}`);
    return now() - startedAt;
  }

  #spawn(command: string, args: readonly string[], more: Readonly<Record<string, string>>): ChildProcess {
    // Compiled code is kept from one start to the next, as it is for people.
    const env = { PATH: process.env.PATH ?? "", HOME: this.#scene.directory, LANG: "C.UTF-8", ...more };
    const child = spawn(command, args, { env, stdio: ["ignore", "ignore", "pipe"] });
    this.#running.add(child);
    child.once("exit", () => this.#running.delete(child));
    child.stderr.resume();
    return child;
  }
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill(signal);
  await exit;
}

const quiet = ["--log-format", "json", "--sandbox", "none", "--no-engine-download"];

/** How both programs that stay are started, in a directory of the name. */
interface Daemons {
  server(way: Way, directory?: string): Promise<Started>;
  agent(way: Way, directory?: string): Promise<Started>;
}

async function daemonsOf(scene: Scene, starter: Starter, server: TestServer): Promise<Daemons> {
  const tokenFile = join(scene.directory, "timed.token");
  await writeFile(tokenFile, (await server.api.token(await server.api.pool())).secret, { mode: 0o600 });
  const at = (directory: string) => ["--data-dir", join(scene.directory, directory), ...quiet];
  return {
    server: ({ call }, directory = "timed-server") =>
      starter.until([...call("windlassd"), "--listen", "127.0.0.1:0", ...at(directory)], /windlassd is ready/),
    agent: ({ call }, directory = "timed-agent") => {
      const address = ["--address", server.url, "--token-file", tokenFile, "--name", directory];
      return starter.until([...call("windlass-agent"), ...address, ...at(directory)], /waiting for (the )?next job/);
    },
  };
}

interface Timing {
  readonly what: string;
  readonly goal?: Goal | undefined;
  once(): Promise<number>;
}

async function measure({ scene, sqlite, rounds }: Bench): Promise<readonly Row[]> {
  const server = await sqlite.server(scene);
  const starter = new Starter(scene);
  const daemons = await daemonsOf(scene, starter, server);
  const empty = () => starter.whole([process.execPath, "-e", ""]);
  const timings = ways.flatMap((way) => timingsOf(way, starter, { server, daemons }));
  const samples = timings.map((): number[] => []);
  const node: number[] = [];
  // The first round fills the cache of compiled code, and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const [index, timing] of timings.entries()) samples[index]?.push(await timing.once());
    node.push(await empty());
  }
  const limit = { what: "an empty Node", samples: node.slice(1) };
  const rows = timings.map(({ what, goal }, index): Row => {
    return { kind: "measured", unit: "ms", what, samples: samples[index]?.slice(1) ?? [], limit, goal };
  });
  return [...rows, ...(await idleRows(starter, daemons))];
}

function timingsOf(
  way: Way,
  starter: Starter,
  { server, daemons }: { readonly server: TestServer; readonly daemons: Daemons },
): readonly Timing[] {
  const windlass = (...words: string[]) => starter.whole([...way.call("windlass"), ...words], server);
  const goal = (value: number): Goal | undefined =>
    way.isBundle ? { kind: "at most", value, reference: emptyNodeMs } : undefined;
  return [
    { what: `windlassd: started → ready${way.label}`, once: () => untilSaid(daemons.server(way)), goal: goal(180) },
    {
      what: `windlass-agent: started → connected${way.label}`,
      once: () => untilSaid(daemons.agent(way)),
      goal: goal(120),
    },
    { what: `windlass run list${way.label}`, once: () => windlass("run", "list"), goal: goal(90) },
    { what: `windlass version${way.label}`, once: () => windlass("version") },
  ];
}

/** What an empty Node took and held where the goals were set. */
const emptyNodeMs = 32;
const emptyNodeMib = 40;

async function untilSaid(starting: Promise<Started>): Promise<number> {
  await using started = await starting;
  return started.ms;
}

/** All of them idle at the same time: one wait. */
async function idleRows(starter: Starter, daemons: Daemons): Promise<readonly Row[]> {
  const [bundle] = ways;
  if (bundle === undefined) return [];
  const waiting = [process.execPath, "-e", "console.error('up'); setInterval(() => {}, 1e9)"];
  await using server = await daemons.server(bundle, freshName("idle-server"));
  await using agent = await daemons.agent(bundle, freshName("idle-agent"));
  await using node = await starter.until(waiting, /up/);
  await pause(idleMs);
  const held = async ({ pid }: Started) => [(await usageOf(pid)).rssKib / 1024];
  const limit = { what: "an empty Node", samples: await held(node) };
  const row = { kind: "measured", unit: "MiB", limit } as const;
  const most = (value: number): Goal => ({ kind: "at most", value, reference: emptyNodeMib });
  return [
    { ...row, what: "RSS of windlassd at rest", samples: await held(server), goal: most(110) },
    { ...row, what: "RSS of windlass-agent at rest", samples: await held(agent), goal: most(70) },
  ];
}
