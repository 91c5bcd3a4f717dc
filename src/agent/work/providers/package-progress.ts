import { appendFile, stat } from "node:fs/promises";
import type { Clock } from "../../../lib/clock.ts";
import type { JobLog } from "../../jobs/log.ts";
import type { DownloadProgress } from "./engine-init.ts";

/** `random 3.9.0`, or `random` before its version is known. */
export const packageName = ({ address, version }: { readonly address: string; readonly version: string }): string =>
  `${address.split("/").at(-1)} ${version}`.trimEnd();

const showMs = 10_000;

/** `12 of 88 MB`, or `12.3 MB so far` of something whose size nobody tells. */
export const progressText = ({ bytes, totalBytes }: DownloadProgress): string =>
  totalBytes === undefined || bytes > totalBytes
    ? `${(bytes / 1e6).toFixed(1)} MB so far`
    : `${inMegabytes(bytes, totalBytes)} of ${inMegabytes(totalBytes, totalBytes)} MB`;

/** Small ones move by tenths. */
const inMegabytes = (bytes: number, totalBytes: number): string =>
  totalBytes < 10e6 ? (bytes / 1e6).toFixed(1) : String(Math.round(bytes / 1e6));

/** Lines of a job's log about its providers, as they happen. */
export class PackageProgress implements AsyncDisposable {
  readonly #path: string;
  readonly #log: JobLog;
  readonly #clock: Clock;
  readonly #ended = Promise.withResolvers<void>();
  readonly #over = new AbortController();
  #tail: Promise<unknown> | undefined;

  constructor(path: string, { log, clock }: { readonly log: JobLog; readonly clock: Clock }) {
    this.#path = path;
    this.#log = log;
    this.#clock = clock;
  }

  /** Shows what was said before a restart. */
  async again(): Promise<void> {
    const isThere = await stat(this.#path).then(
      () => true,
      () => false,
    );
    if (isThere) this.#log.follow({ path: this.#path, ended: Promise.resolve() });
  }

  say(line: string): void {
    this.#append(`Windlass: ${line}\n`);
  }

  /** Says how far a download is, now and then, until disposed. */
  show(name: string, running: { readonly progress: DownloadProgress }): Disposable {
    const over = new AbortController();
    const stop = AbortSignal.any([over.signal, this.#over.signal]);
    const tell = async () => {
      while (!stop.aborted) {
        await this.#clock.sleep(showMs, stop);
        this.say(`fetching ${name}: ${progressText(running.progress)}`);
      }
    };
    tell().catch(() => {});
    return { [Symbol.dispose]: () => over.abort() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    if (this.#tail !== undefined) this.#append("\n");
    await this.#tail;
    this.#ended.resolve();
  }

  #append(text: string): void {
    const isFirst = this.#tail === undefined;
    this.#tail = (this.#tail ?? Promise.resolve())
      .then(() => appendFile(this.#path, text, { mode: 0o600 }))
      .catch(() => {});
    if (isFirst) this.#log.follow({ path: this.#path, ended: this.#ended.promise });
  }
}
