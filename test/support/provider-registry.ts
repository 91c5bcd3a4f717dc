import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { selfSigned } from "./certificate.ts";
import { type Misbehaviour, send } from "./misbehaviour.ts";
import type { ProviderPackage } from "./provider-package.ts";
import { type AnswerKind, answerTo, type Lie, type Request, requestOf, type Shelf } from "./provider-protocols.ts";
import { type ReleaseKey, releaseKey } from "./release-mirror.ts";

/** A request that came, in order. */
export interface AskedRequest {
  /** Terraform looks at some zips with HEAD before it takes them. */
  readonly method: string;
  readonly kind: AnswerKind;
  readonly path: string;
  readonly authorization: string | undefined;
}

/**
 * A server on this machine that gives providers over HTTPS with an authority of its own: as the registry of
 * `localhost:PORT`, signed, and as a network mirror of every host. It counts, and misbehaves when told to.
 */
export class ProviderRegistry implements AsyncDisposable {
  readonly requests: AskedRequest[] = [];
  /** In PEM: what `SSL_CERT_FILE` must name a file with. */
  readonly ca: string;
  readonly #server: Server;
  readonly #shelf: Shelf;
  readonly #token: string | undefined;
  readonly #misbehaviours = new Map<AnswerKind, Misbehaviour>();
  readonly #lies = new Set<Lie>();

  private constructor(token: string | undefined, keys: Pick<Shelf, "key" | "otherKey">) {
    const tls = selfSigned(new Date());
    this.ca = tls.cert;
    this.#token = token;
    this.#shelf = { packages: [], lies: this.#lies, ...keys };
    this.#server = createServer(tls, (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async open({ token }: { readonly token?: string } = {}): Promise<ProviderRegistry> {
    const keys = await signingKeys();
    const registry = new ProviderRegistry(token, keys);
    registry.#server.listen(0, "127.0.0.1");
    await once(registry.#server, "listening");
    return registry;
  }

  /** `localhost:PORT`: the host in a provider's source. */
  get host(): string {
    return `localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  /** For `network_mirror`: with a slash at its end, as terraform insists. */
  get mirrorUrl(): string {
    return `https://${this.host}/mirror/`;
  }

  /** Offers a package; one of the same source and version is replaced. */
  publish(...packages: readonly ProviderPackage[]): void {
    for (const each of packages) {
      this.withdraw(each);
      this.#shelf.packages.push(each);
    }
  }

  withdraw({ source, version }: Pick<ProviderPackage, "source" | "version">): void {
    const at = this.#shelf.packages.findIndex((each) => each.source === source && each.version === version);
    if (at !== -1) this.#shelf.packages.splice(at, 1);
  }

  /** Makes answers of a kind go wrong until told otherwise. */
  misbehave(kind: AnswerKind, misbehaviour: Misbehaviour | undefined): void {
    if (misbehaviour === undefined) this.#misbehaviours.delete(kind);
    else this.#misbehaviours.set(kind, misbehaviour);
  }

  /** Says what is not true of packages, in a way that looks right. */
  lie(...lies: readonly Lie[]): void {
    for (const each of lies) this.#lies.add(each);
  }

  /** Ends every misbehaviour and lie. */
  behave(): void {
    this.#misbehaviours.clear();
    this.#lies.clear();
  }

  /** How often answers of a kind were taken. */
  count(kind: AnswerKind): number {
    return this.requests.filter((request) => request.kind === kind && request.method === "GET").length;
  }

  /** Writes the authority into a file for `SSL_CERT_FILE`. */
  async writeCa(directory: string): Promise<string> {
    const path = join(directory, "ca.pem");
    await writeFile(path, this.ca);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = message.url ?? "";
    const request = requestOf(path);
    if (request === undefined) return send(response, nothing, { kind: "status", code: 404 });
    const { method = "", headers } = message;
    const { authorization } = headers;
    this.requests.push({ kind: request.kind, method, path, authorization });
    const misbehaviour = this.#misbehaviours.get(request.kind) ?? this.#refusal(request, authorization);
    const bytes = await answerTo(request, this.#shelf);
    if (bytes === undefined) return send(response, nothing, misbehaviour ?? { kind: "status", code: 404 });
    // Terraform insists on the type of what it reads as JSON.
    const isJson = !["sums", "signature", "zip"].includes(request.kind);
    return send(response, { bytes, type: `application/${isJson ? "json" : "octet-stream"}` }, misbehaviour);
  }

  /** Terraform shows its token to the services that discovery names, and not where packages lie. */
  #refusal({ kind }: Request, authorization: string | undefined): Misbehaviour | undefined {
    const isOpen = this.#token === undefined || ["discovery", "sums", "signature", "zip"].includes(kind);
    return isOpen || authorization === `Bearer ${this.#token}` ? undefined : { kind: "status", code: 401 };
  }
}

const nothing = { bytes: Buffer.alloc(0), type: "text/plain" };

let keys: Promise<{ readonly key: ReleaseKey; readonly otherKey: ReleaseKey }> | undefined;

/** Made once for all registries of a test file. */
function signingKeys() {
  keys ??= Promise.all([releaseKey("Vendor"), releaseKey("Somebody else")]).then(([key, otherKey]) => ({
    key,
    otherKey,
  }));
  return keys;
}
