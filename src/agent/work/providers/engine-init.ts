import { spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, open, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { linkSignals } from "../../../lib/async/abort.ts";
import type { Clock } from "../../../lib/clock.ts";
import { initArgv } from "../../../terraform/engines/argv.ts";
import { makePrivateDirectory } from "../../disk/durable-files.ts";
import { bubblewrapArgv } from "../../sandbox/bubblewrap.ts";
import type { Sandbox } from "../../sandbox/choose-sandbox.ts";
import { announcedBytes, packageAddress } from "./download-size.ts";

/** An init of this agent itself, in a directory that nothing of a job is in. */
export interface EngineInit {
  readonly enginePath: string;
  /** Holds `config`, `home`, `tmp` and `cli`. */
  readonly draft: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly readable: readonly string[];
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly maxBytes: number;
  /** Told how much there is so far, every second, and of how much as soon as that is known. */
  readonly onProgress: (progress: DownloadProgress) => void;
}

/** How far a download is. */
export interface DownloadProgress {
  readonly bytes: number;
  /** Undefined if the server does not say. */
  readonly totalBytes: number | undefined;
}

/** Where the draft is seen in a sandbox. */
const place = "/tmp/windlass-package";
const watchMs = 1_000;
/** Where the engine writes what it does. */
const traceName = "trace.log";
/** An init whose files have not grown for so long has stalled. */
const stalledMs = 60_000;
const shownBytes = 2_000;

/** The path of a draft as the init sees it. */
export const seenDraft = (draft: string, { kind }: Sandbox): string => (kind === "none" ? draft : place);

/** Runs it to its end; throws with what it said when it fails, stalls or takes too much space. */
export async function runEngineInit(init: EngineInit, signal: AbortSignal): Promise<void> {
  const { draft, sandbox, readable, enginePath, environment } = init;
  for (const name of ["home", "tmp"]) await makePrivateDirectory(join(draft, name));
  const argv = [enginePath, ...initArgv(), "-backend=false"];
  const cwd = join(seenDraft(draft, sandbox), "config");
  const command = sandbox.kind === "none" ? argv : bubblewrapArgv(sandbox, { argv, work: draft, place, cwd, readable });
  await using log = await open(join(draft, "init.log"), "a+", 0o600);
  // Where bubblewrap says which process the program is.
  await using report = await open(join(draft, "report"), "w", 0o600);
  using over = linkSignals(signal);
  const child = spawn(command[0] ?? "", command.slice(1), {
    cwd: sandbox.kind === "none" ? cwd : draft,
    env: { ...environment, PWD: cwd, TF_LOG: "trace", TF_LOG_PATH: join(seenDraft(draft, sandbox), traceName) },
    detached: true,
    stdio: ["ignore", log.fd, log.fd, report.fd],
  });
  const ended = once(child, "exit");
  const stop = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  };
  over.signal.addEventListener("abort", stop, { once: true });
  if (over.signal.aborted) stop();
  const watching = watch(init, over.signal).catch((error: unknown) => over.abort(error));
  try {
    const [code] = await ended;
    over.signal.throwIfAborted();
    if (code !== 0) throw new Error(await said(join(draft, "init.log")));
  } finally {
    over.abort();
    await watching;
  }
}

async function watch(init: EngineInit, signal: AbortSignal): Promise<void> {
  const { draft, clock, maxBytes, onProgress } = init;
  let last = { bytes: -1, atMs: clock.monotonicMs() };
  let total: Promise<number | undefined> | undefined;
  let totalBytes: number | undefined;
  while (!signal.aborted) {
    await clock.sleep(watchMs, signal).catch(() => {});
    if (signal.aborted) return;
    const packed = await sizeOf(join(draft, "tmp"));
    if (packed > 0 && total === undefined) total = totalOf(init, signal);
    void total?.then((found) => {
      totalBytes = found;
    });
    const bytes = packed + (await sizeOf(join(draft, "config")));
    // What is unpacked is no part of the download.
    onProgress(packed > 0 ? { bytes: packed, totalBytes } : { bytes, totalBytes: undefined });
    if (bytes > maxBytes) throw new Error(`it is larger than the cache of ${maxBytes} bytes`);
    if (bytes !== last.bytes) last = { bytes, atMs: clock.monotonicMs() };
    else if (clock.monotonicMs() - last.atMs > stalledMs) throw new Error("nothing arrived for 60 seconds");
  }
}

/** Of the package, of which something has arrived. */
async function totalOf({ draft, environment, clock }: EngineInit, signal: AbortSignal): Promise<number | undefined> {
  const url = packageAddress(await readFile(join(draft, traceName), "utf8").catch(() => ""));
  return url === undefined ? undefined : announcedBytes(url, environment, { clock, signal });
}

async function sizeOf(root: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    bytes += (await lstat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0;
  }
  return bytes;
}

/** What it printed about its failure, in one line. */
async function said(path: string): Promise<string> {
  await using file = await open(path, "r");
  const text = await file.readFile("utf8");
  const at = Math.max(0, text.indexOf("Error:"));
  return text
    .slice(at, at + shownBytes)
    .replaceAll(/\s+/g, " ")
    .trim();
}
