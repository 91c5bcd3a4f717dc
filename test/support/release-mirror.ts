import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createMessage, generateKey, type PrivateKey, sign } from "openpgp";
import { selfSigned } from "./certificate.ts";
import { zipOf } from "./zip.ts";

/** A key that signs releases in tests. */
export interface ReleaseKey {
  readonly privateKey: PrivateKey;
  /** As an operator would give it to an agent. */
  readonly armored: string;
  /** In capital letters, as registries name it. */
  readonly keyId: string;
}

/** Makes a key; one with `lifeMs` expires that long after `date`. */
export async function releaseKey(
  name: string,
  { date, lifeMs }: { readonly date?: Date; readonly lifeMs?: number } = {},
): Promise<ReleaseKey> {
  const { privateKey, publicKey } = await generateKey({
    userIDs: [{ name, email: "releases@example.com" }],
    format: "object",
    ...(date === undefined ? {} : { date }),
    ...(lifeMs === undefined ? {} : { keyExpirationTime: lifeMs / 1000 }),
  });
  return { privateKey, armored: publicKey.armor(), keyId: publicKey.getKeyID().toHex().toUpperCase() };
}

/** A detached signature, as `gpg --detach-sign` makes it. */
export async function detachedSignature(content: string, { privateKey }: ReleaseKey, date?: Date): Promise<Uint8Array> {
  const message = await createMessage({ binary: Buffer.from(content) });
  const options = { message, signingKeys: privateKey, detached: true, format: "binary" } as const;
  return await sign(date === undefined ? options : { ...options, date });
}

export interface PublishedRelease {
  readonly engine: "terraform" | "tofu";
  readonly version: string;
  readonly key: ReleaseKey;
  readonly platform?: string;
  /** What the zip holds as its program. */
  readonly program: Uint8Array;
}

/** A program that says its version, and nothing else. */
export const versionScript = (version: string): Buffer =>
  Buffer.from(`#!/bin/sh\n[ "$1" = version ] && echo '{"terraform_version":"${version}"}' && exit 0\nexit 7\n`);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A mirror of releases on this machine, which can be made to misbehave. Close it by disposing it. */
export class ReleaseMirror implements AsyncDisposable {
  /** Files by path, such as `/terraform/1.2.3/terraform_1.2.3_SHA256SUMS`; change them to do harm. */
  readonly files = new Map<string, Uint8Array>();
  /** Paths that answer in their own way. */
  readonly answers = new Map<string, Answer>();
  /** Paths that were asked for, in order. */
  readonly asked: string[] = [];
  readonly headers: IncomingMessage["headers"][] = [];
  /** The authority to trust, of a mirror with TLS. */
  readonly ca: string;
  readonly #server: Server;
  readonly #scheme: "http" | "https";

  private constructor(tls: ReturnType<typeof selfSigned> | undefined) {
    const answer: Answer = (request, response) => this.#answer(request, response);
    this.#server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer);
    this.#scheme = tls === undefined ? "http" : "https";
    this.ca = tls?.cert ?? "";
  }

  static async open({ tls = false } = {}): Promise<ReleaseMirror> {
    const mirror = new ReleaseMirror(tls ? selfSigned(new Date()) : undefined);
    mirror.#server.listen(0, "127.0.0.1");
    await once(mirror.#server, "listening");
    return mirror;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Publishes a release with checksums and signature, and lists it. */
  async publish({ engine, version, key, platform = herePlatform, program }: PublishedRelease): Promise<void> {
    const zip = zipOf([
      { name: "LICENSE.txt", content: Buffer.from("do what you like\n"), mode: 0o100644, isDeflated: true },
      { name: engine, content: program },
    ]);
    const dir = `/${engine}/${version}/${engine}_${version}`;
    this.files.set(`${dir}_${platform}.zip`, zip);
    await this.sign({ engine, version, key, sums: `${sha256(zip)}  ${engine}_${version}_${platform}.zip\n` });
    this.list(engine, [...this.#listed(engine), version]);
  }

  /** Replaces the checksums of a release, with a signature of that key. */
  async sign({
    engine,
    version,
    key,
    sums,
  }: Pick<PublishedRelease, "engine" | "version" | "key"> & { readonly sums: string }): Promise<void> {
    const path = `/${engine}/${version}/${engine}_${version}_SHA256SUMS`;
    this.files.set(path, Buffer.from(sums));
    this.files.set(`${path}.${engine === "tofu" ? "gpgsig" : "sig"}`, await detachedSignature(sums, key));
  }

  /** Writes the list of versions, in the vendor's form. */
  list(engine: "terraform" | "tofu", versions: readonly string[]): void {
    const list =
      engine === "tofu"
        ? { versions: versions.map((id) => ({ id, files: [] })) }
        : {
            name: engine,
            versions: Object.fromEntries(versions.map((version) => [version, { name: engine, version, builds: [] }])),
          };
    this.files.set(`/${engine}/index.json`, Buffer.from(JSON.stringify(list)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  #listed(engine: string): readonly string[] {
    const list = this.files.get(`/${engine}/index.json`);
    if (list === undefined) return [];
    const { versions } = JSON.parse(Buffer.from(list).toString());
    return Array.isArray(versions) ? versions.map(({ id }) => id) : Object.keys(versions);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? "";
    this.asked.push(path);
    this.headers.push(request.headers);
    const answer = this.answers.get(path);
    const file = this.files.get(path);
    if (answer !== undefined) answer(request, response);
    else if (file === undefined) response.writeHead(404).end("no such file");
    else response.writeHead(200, { "content-length": file.length }).end(file);
  }
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** How vendors call this machine. */
export const herePlatform = `${process.platform}_${process.arch === "x64" ? "amd64" : process.arch}`;
