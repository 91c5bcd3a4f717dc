import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { EnvHttpProxyAgent } from "undici";
import { deadlineAfter } from "../../../lib/async/abort.ts";
import type { Clock } from "../../../lib/clock.ts";
import { version } from "../../../lib/program/version.ts";
import { errnoOf, messageOf } from "../../../lib/values/errors.ts";
import { WindlassError } from "../../../lib/words/errors.ts";
import { mayFollow, shown } from "./release-source.ts";

/** How much of an answer is taken, and how long it may take as a whole. */
export interface HttpLimits {
  readonly maxBytes: number;
  readonly deadlineMs: number;
}

/** A connection that brings nothing for this long is dead. */
const silenceMs = 30_000;
const connectMs = 15_000;
const maxRedirects = 5;
const redirects = new Set([301, 302, 303, 307, 308]);
/** What another try may cure. */
const passing = new Set([408, 425, 429, 500, 502, 503, 504]);

interface Asked {
  readonly url: URL;
  readonly limits: HttpLimits;
  readonly take: (bytes: Uint8Array) => Promise<void> | void;
  readonly onProgress?: OnProgress | undefined;
}

/** Told of each part that has come; what is to come in all is undefined if the server does not say. */
export type OnProgress = (bytes: number, ofBytes: number | undefined) => void;

/**
 * Gets files over HTTP(S), through the proxies of the environment. Absent files (404, 410) are undefined; what cannot
 * be had now throws `storage_unavailable`, what will not get better `validation`, and what is too large
 * `upload_too_large`.
 */
export class ReleaseHttp implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #trust: { readonly ca?: string[] };
  #dispatcher: EnvHttpProxyAgent | undefined;

  /** These authorities and no others are trusted; undefined: those of Node. */
  constructor(clock: Clock, authorities: readonly string[] | undefined) {
    this.#clock = clock;
    this.#trust = authorities === undefined ? {} : { ca: [...authorities] };
  }

  async read(url: URL, limits: HttpLimits, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    const found = await this.#get({ url, limits, take: (bytes) => void parts.push(bytes) }, signal);
    return found ? Buffer.concat(parts) : undefined;
  }

  /** Writes to a new file and answers its SHA-256. */
  async save(
    { url, into, onProgress, ...limits }: HttpLimits & Pick<Asked, "url" | "onProgress"> & { readonly into: string },
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const hash = createHash("sha256");
    await using file = await open(into, "wx", 0o600);
    const take = async (bytes: Uint8Array) => {
      hash.update(bytes);
      await file.writeFile(bytes);
    };
    return (await this.#get({ url, limits, take, onProgress }, signal)) ? hash.digest("hex") : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dispatcher?.destroy();
  }

  /** The client is large: it is loaded for the first file. */
  async #client() {
    const { EnvHttpProxyAgent, request } = await import("undici");
    const trust = this.#trust;
    this.#dispatcher ??= new EnvHttpProxyAgent({
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
      connect: { ...trust, timeout: connectMs },
      requestTls: trust,
      proxyTls: trust,
    });
    return { dispatcher: this.#dispatcher, request };
  }

  async #get(asked: Asked, signal: AbortSignal): Promise<boolean> {
    using deadline = deadlineAfter(this.#clock, asked.limits.deadlineMs, signal);
    try {
      return await this.#follow(asked, deadline.signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof WindlassError || isOfThisMachine(error)) throw error;
      const why = deadline.signal.aborted ? `not done after ${asked.limits.deadlineMs / 1000} s` : reasonOf(error);
      throw new WindlassError("storage_unavailable", `${shown(asked.url)} cannot be read: ${why}`, { cause: error });
    }
  }

  async #follow(asked: Asked, signal: AbortSignal): Promise<boolean> {
    let url = asked.url;
    const { dispatcher, request } = await this.#client();
    for (let hops = 0; hops <= maxRedirects; hops++) {
      const { statusCode, headers, body } = await request(bare(url), {
        dispatcher,
        headers: {
          ...this.#headers(asked.url, url),
          "user-agent": `windlass/${version}`,
          "accept-encoding": "identity",
        },
        signal,
      });
      if (statusCode === 200) {
        await receive(asked, body, Number(headers["content-length"] ?? Number.NaN));
        return true;
      }
      body.on("error", () => {}).destroy();
      if (statusCode === 404 || statusCode === 410) return false;
      if (!redirects.has(statusCode)) throw refusedWith(url, statusCode);
      url = nextOf(asked.url, url, String(headers.location ?? ""));
    }
    throw new WindlassError(
      "validation",
      `${shown(asked.url)} leads from one redirect to the next: got more than ${maxRedirects}`,
    );
  }

  /** User and password go to the place they were given for. */
  #headers(asked: URL, url: URL): Record<string, string> {
    if (asked.username === "" || asked.origin !== url.origin) return {};
    const credentials = `${decodeURIComponent(asked.username)}:${decodeURIComponent(asked.password)}`;
    return { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
  }
}

async function receive(
  { url, limits, take, onProgress }: Asked,
  body: AsyncIterable<Uint8Array>,
  announced: number,
): Promise<void> {
  const tooLarge = () =>
    new WindlassError(
      "upload_too_large",
      `${shown(url)} is larger than the ${limits.maxBytes} bytes that such a file may have`,
    );
  if (announced > limits.maxBytes) throw tooLarge();
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > limits.maxBytes) throw tooLarge();
    await take(part);
    onProgress?.(bytes, Number.isNaN(announced) ? undefined : announced);
  }
}

function nextOf(asked: URL, from: URL, location: string): URL {
  const to = URL.parse(location, from.href);
  if (to !== null && mayFollow(asked, to)) return to;
  const what = `${shown(from)} redirects to ${to === null ? JSON.stringify(location) : shown(to)}`;
  throw new WindlassError("validation", `${what}: only https is followed`);
}

function refusedWith(url: URL, status: number): WindlassError {
  const code = passing.has(status) ? "storage_unavailable" : "validation";
  return new WindlassError(code, `${shown(url)} cannot be read: the server answers with status ${status}`);
}

/** A path or a full disk of ours; sockets have codes as well. */
const isOfThisMachine = (error: unknown): boolean =>
  ["ENOSPC", "EDQUOT", "EFBIG", "EACCES", "EROFS", "EIO"].includes(errnoOf(error) ?? "");

function bare(url: URL): string {
  return shown(url);
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0].message;
  return messageOf(error);
}
