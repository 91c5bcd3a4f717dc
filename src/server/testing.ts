import { readdirSync, readlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "../lib/clock.ts";
import type { Environment } from "../lib/environment.ts";
import { memoryLog } from "../lib/log.ts";
import { ManualClock } from "../lib/manual-clock.ts";
import { systemRandom } from "../lib/random.ts";
import type { CommandCall } from "./command.ts";
import { readSettings } from "./read-call.ts";
import type { ServerSettings } from "./settings.ts";

/** A directory of one test's own. */
export async function temporaryDirectory(held: AsyncDisposableStack): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "windlass-server-"));
  held.defer(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

type Flags = Readonly<Record<string, string>>;

/** What `windlassd` reads of flags and variables; a free port of this machine and no server agent, unless they say otherwise. */
export function settingsOf(flags: Flags, environment: Environment = {}): ServerSettings {
  const ownFlags = { listen: "127.0.0.1:0", "server-agent-concurrency": "0", ...flags };
  const loaded = readSettings(ownFlags, environment);
  if (loaded.kind === "invalid") throw new Error(loaded.problems.join("; "));
  return loaded.settings;
}

/** A call of a command, and what it says. */
export function commandCall(flags: Flags, change: Partial<CommandCall> = {}) {
  const { log, records } = memoryLog();
  const said: string[] = [];
  const noted: string[] = [];
  const environment = change.environment ?? {};
  const loaded = readSettings({ listen: "127.0.0.1:0", "server-agent-concurrency": "0", ...flags }, environment);
  if (loaded.kind === "invalid") throw new Error(loaded.problems.join("; "));
  const call: CommandCall = {
    ...{ settings: loaded.settings, origins: loaded.origins, environment, own: {}, words: [], log },
    ...{ clock: systemClock, random: systemRandom },
    say: (text) => void said.push(text),
    note: (text) => void noted.push(text),
    ...change,
  };
  return { call, said, noted, records };
}

/** The files below a directory that this process has open, by their paths in it; the directory itself is `.`. */
export function openFilesIn(dir: string): readonly string[] {
  const targets = readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
  const below = targets.flatMap((path) => {
    if (path === dir) return ["."];
    return path.startsWith(`${dir}/`) ? [path.slice(dir.length + 1)] : [];
  });
  return [...new Set(below)].toSorted();
}

/** Listens on a port until the test ends; 0 is any. Answers which. */
export async function occupyPort(held: AsyncDisposableStack, port = 0): Promise<number> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  held.defer(() => closed(server));
  return portOf(server);
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  await using held = new AsyncDisposableStack();
  return await occupyPort(held);
}

const closed = (server: Server) => new Promise<void>((resolve) => server.close(() => resolve()));

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("expected a port");
  return address.port;
}

/** Starts a server in a directory and stops it again: what every command finds. */
export async function serveOnce(dataDir: string, flags: Flags = {}): Promise<void> {
  const { openServer } = await import("./server.ts");
  const settings = settingsOf({ "data-dir": dataDir, ...flags });
  await using _server = await openServer({ settings, environment: { PATH: "" }, log: memoryLog().log });
}

/** A clock on which a sleep is over at once, and took its time. */
export function hastyClock(): Clock {
  const clock = new ManualClock();
  return {
    now: () => clock.now(),
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms) => clock.advance(ms),
  };
}
