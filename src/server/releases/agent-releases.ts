import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import type { AgentReleases, ServedManifest } from "../../control/core/control.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import { messageOf } from "../../lib/values/errors.ts";
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

interface Parts {
  /** A directory, or an HTTP(S) address of one. */
  readonly place: string;
  /** Where files from an address are kept. */
  readonly keepIn: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Agent versions in a directory, as `scripts/release` makes it, or behind an address, from where files are fetched when they are asked for. */
export class PlacedReleases implements AgentReleases {
  readonly #parts: Parts;
  readonly #url: URL | undefined;
  readonly #fetching = new Map<string, Promise<string>>();
  #seen: { readonly untilMs: number; readonly manifest: Promise<ServedManifest | undefined> } | undefined;
  #lastProblem = "";

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#url = urlOf(parts.place);
  }

  readonly current = (): Promise<ServedManifest | undefined> => {
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#seen === undefined || this.#seen.untilMs <= nowMs)
      this.#seen = { untilMs: nowMs + lookMs, manifest: this.#look() };
    return this.#seen.manifest;
  };

  readonly read = async (file: string, from: number): Promise<AsyncIterable<Uint8Array>> => {
    const path = this.#url === undefined ? join(this.#parts.place, file) : await this.#fetched(file);
    const { size } = await stat(path).catch((error: unknown) => {
      throw new WindlassError("storage_unavailable", `${file} is in the manifest and cannot be read`, { cause: error });
    });
    return from >= size ? nothing() : createReadStream(path, { start: from });
  };

  /** One that cannot be read is as none: nothing happens. */
  async #look(): Promise<ServedManifest | undefined> {
    try {
      const served = servedOf(await this.#bytes("manifest.json"), await this.#bytes("manifest.json.sig"));
      this.#lastProblem = "";
      return served;
    } catch (error) {
      const problem = messageOf(error);
      const { log, place } = this.#parts;
      if (problem !== this.#lastProblem)
        log.warn({ place: shown(place), reason: problem }, "agent releases cannot be read");
      this.#lastProblem = problem;
      return undefined;
    }
  }

  async #bytes(name: string): Promise<Uint8Array> {
    if (this.#url === undefined) return readFile(join(this.#parts.place, name));
    await using http = new ReleaseHttp(this.#parts.clock, undefined);
    const limits = { maxBytes: maxManifestBytes, deadlineMs: 30_000 };
    const bytes = await http.read(this.#at(name), limits, new AbortController().signal);
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
    const found = await http.save({ url: this.#at(file), into, ...limits }, new AbortController().signal);
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

const artifactsIn = (manifest: Uint8Array) =>
  shape.parse(JSON.parse(Buffer.from(manifest).toString("utf8"))).releases.flatMap(({ artifacts }) => artifacts);

function servedOf(manifest: Uint8Array, signatures: Uint8Array): ServedManifest {
  const { releases } = shape.parse(JSON.parse(Buffer.from(manifest).toString("utf8")));
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

const shown = (place: string): string => {
  const url = urlOf(place);
  return url === undefined ? place : `${url.origin}${url.pathname}`;
};
