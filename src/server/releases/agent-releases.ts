import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { AgentReleases, ServedManifest } from "../../control/core/control.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import { oneLine } from "../../lib/text/clean-text.ts";
import { counted } from "../../lib/text/counted.ts";
import { errnoOf, messageOf } from "../../lib/values/errors.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { ReleaseHttp } from "../../terraform/engines/releases/release-http.ts";

/** How often it is looked whether there is another manifest. */
const lookMs = 10_000;
const maxManifestBytes = 4 * 1024 * 1024;
const maxFileBytes = 512 * 1024 * 1024;
const fetchMs = 30 * 60_000;

/** What the server reads of a manifest; the rest is for agents. */
const shape = z.object({
  releases: z.array(
    z.object({
      version: z.string(),
      withdrawn: z.string().optional(),
      artifacts: z.array(
        z.object({
          os: z.string(),
          arch: z.string(),
          file: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+~-]{0,254}$/),
          sha256: z.string(),
        }),
      ),
    }),
  ),
});

/** The server believes no signature: agents do, and it only looks whether there could be enough. */
const signaturesShape = z.object({ signatures: z.array(z.object({ key: z.string(), signature: z.string() })) });
const neededSignatures = 2;
/** Of Ed25519. */
const signatureBytes = 64;

/** What there is in a place. */
export type FoundReleases =
  | {
      readonly kind: "found";
      readonly served: ServedManifest;
      /** What agents will refuse, in one line; empty if nothing is seen. */
      readonly doubt: string;
    }
  | { readonly kind: "none"; readonly why: string };

/** What to do about a place that has nothing that agents take. */
export const releasesFix = "put there what scripts/release makes, or mend --agent-releases (docs/updates.md)";

interface Parts {
  /** A directory, or an HTTP(S) address of one. */
  readonly place: string;
  /** Where files from an address are kept. */
  readonly keepIn: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted when nobody wants anything any more. */
  readonly signal?: AbortSignal | undefined;
}

/** Agent versions in a directory, as `scripts/release` makes it, or behind an address, from where files are fetched when they are asked for. */
export class PlacedReleases implements AgentReleases {
  readonly #parts: Parts;
  readonly #url: URL | undefined;
  readonly #signal: AbortSignal;
  readonly #fetching = new Map<string, Promise<string>>();
  #seen: { readonly untilMs: number; readonly manifest: Promise<ServedManifest | undefined> } | undefined;
  #lastProblem = "";

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#url = urlOf(parts.place);
    this.#signal = parts.signal ?? new AbortController().signal;
  }

  /** Where it is, without passwords. */
  get place(): string {
    return this.#url === undefined ? this.#parts.place : `${this.#url.origin}${this.#url.pathname}`;
  }

  /** Says now what is wrong, and not when the first agent asks. An address may be slow: it is not waited for. */
  async lookAtStart(): Promise<void> {
    const looking = this.current();
    if (this.#url === undefined) await looking;
  }

  readonly current = (): Promise<ServedManifest | undefined> => {
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#seen === undefined || this.#seen.untilMs <= nowMs)
      this.#seen = { untilMs: nowMs + lookMs, manifest: this.#current() };
    return this.#seen.manifest;
  };

  readonly read = async (file: string, from: number): Promise<AsyncIterable<Uint8Array>> => {
    const path = this.#url === undefined ? join(this.#parts.place, file) : await this.#fetched(file);
    const { size } = await stat(path).catch((error: unknown) => {
      throw new WindlassError("storage_unavailable", `${file} is in the manifest and cannot be read`, { cause: error });
    });
    return from >= size ? nothing() : createReadStream(path, { start: from });
  };

  /** What is there now. Never rejects. */
  async look(): Promise<FoundReleases> {
    try {
      const [manifest, signatures] = [await this.#bytes("manifest.json"), await this.#bytes("manifest.json.sig")];
      return { kind: "found", served: servedOf(manifest, signatures), doubt: signatureDoubt(signatures) };
    } catch (error) {
      return { kind: "none", why: oneLine(messageOf(error)) };
    }
  }

  /** Files of the manifest that are not there. Those behind an address are fetched when an agent asks for them. */
  missing({ files }: ServedManifest): readonly string[] {
    return this.#url === undefined ? [...files].filter((file) => !existsSync(join(this.#parts.place, file))) : [];
  }

  /** One that cannot be read is as none: nothing happens. */
  async #current(): Promise<ServedManifest | undefined> {
    const found = await this.look();
    if (this.#signal.aborted) return undefined;
    const isNone = found.kind === "none";
    const reason = isNone ? found.why : found.doubt;
    const what = isNone ? "agent releases cannot be read" : "agents will refuse the agent releases";
    if (reason !== "" && reason !== this.#lastProblem)
      this.#parts.log.warn({ place: this.place, reason }, `${what}: ${releasesFix}`);
    this.#lastProblem = reason;
    return isNone ? undefined : found.served;
  }

  async #bytes(name: string): Promise<Uint8Array> {
    if (this.#url === undefined) return fileIn(this.#parts.place, name);
    await using http = new ReleaseHttp(this.#parts.clock, undefined);
    const limits = { maxBytes: maxManifestBytes, deadlineMs: 30_000 };
    const bytes = await http.read(this.#at(name), limits, this.#signal);
    if (bytes === undefined) throw new Error(`${name} is not there`);
    return bytes;
  }

  #at(name: string): URL {
    const base = this.#url?.href ?? "";
    return new URL(name, base.endsWith("/") ? base : `${base}/`);
  }

  /** Fetched once, whoever asks; under its hash, so that a file that changes is another one. */
  async #fetched(file: string): Promise<string> {
    const sha256 = (await this.#hashes()).get(file) ?? "";
    const path = join(this.#parts.keepIn, `${sha256}-${file}`);
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
    const running = this.#fetching.get(path) ?? this.#fetch(file, { path, sha256 });
    this.#fetching.set(path, running);
    return running.finally(() => this.#fetching.delete(path));
  }

  async #hashes(): Promise<ReadonlyMap<string, string>> {
    const served = await this.current();
    if (served === undefined) return new Map();
    return new Map(artifactsIn(served.manifest).map(({ file, sha256 }) => [file, sha256]));
  }

  async #fetch(file: string, { path, sha256 }: { readonly path: string; readonly sha256: string }): Promise<string> {
    await mkdir(this.#parts.keepIn, { recursive: true, mode: 0o700 });
    const into = `${path}.partial`;
    await rm(into, { force: true });
    await using http = new ReleaseHttp(this.#parts.clock, undefined);
    const limits = { maxBytes: maxFileBytes, deadlineMs: fetchMs };
    const found = await http.save({ url: this.#at(file), into, ...limits }, this.#signal);
    if (found === undefined)
      throw new WindlassError("storage_unavailable", `${file} is in the manifest and is not there`);
    if (found !== sha256) {
      await rm(into, { force: true });
      throw new WindlassError("storage_unavailable", `${file} is not what the manifest says: it was not passed on`);
    }
    await rename(into, path);
    return path;
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function fileIn(directory: string, name: string): Promise<Uint8Array> {
  try {
    return await readFile(join(directory, name));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    throw new Error(existsSync(directory) ? `${name} is not there` : "the directory is not there", { cause: error });
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch {
    return undefined;
  }
}

function releasesIn(manifest: Uint8Array): z.infer<typeof shape>["releases"] {
  const json = jsonOf(manifest);
  if (json === undefined) throw new Error("manifest.json is not JSON");
  const { data, error } = shape.safeParse(json);
  if (data !== undefined) return data.releases;
  const [first] = error?.issues ?? [];
  throw new Error(`manifest.json is no list of agent versions: ${first?.path.join(".")}: ${first?.message}`);
}

/** Whose they are, only an agent knows. */
function signatureDoubt(signatures: Uint8Array): string {
  const found = signaturesShape.safeParse(jsonOf(signatures)).data?.signatures ?? [];
  const signed = found.filter(({ signature }) => Buffer.from(signature, "base64").length === signatureBytes);
  const count = new Set(signed.map(({ key }) => key)).size;
  return count >= neededSignatures
    ? ""
    : `manifest.json.sig has signatures of ${counted(count, "key")}, and ${neededSignatures} are needed`;
}

const artifactsIn = (manifest: Uint8Array) => releasesIn(manifest).flatMap(({ artifacts }) => artifacts);

function servedOf(manifest: Uint8Array, signatures: Uint8Array): ServedManifest {
  const releases = releasesIn(manifest);
  return {
    ...{ manifest, signatures },
    sha256: createHash("sha256").update(manifest).digest("hex"),
    releases: releases.map(({ version, withdrawn, artifacts }) => ({
      version,
      isWithdrawn: withdrawn !== undefined,
      platforms: artifacts.map(({ os, arch }) => `${os}-${arch}`),
    })),
    files: new Set(releases.flatMap(({ artifacts }) => artifacts.map(({ file }) => file))),
  };
}

function urlOf(place: string): URL | undefined {
  const url = /^https?:\/\//.test(place) ? URL.parse(place) : null;
  return url ?? undefined;
}
