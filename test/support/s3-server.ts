import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A server that speaks S3 and keeps objects as files. Its package has no types. */
interface S3rver {
  readonly store: {
    existsObject(bucket: string, key: string): Promise<boolean>;
    listObjects(
      bucket: string,
      page: { readonly prefix: string; readonly startAfter: string | undefined; readonly maxKeys: number },
    ): Promise<{
      readonly objects: readonly { readonly key: string; readonly size: number; readonly lastModifiedDate: Date }[];
      readonly isTruncated: boolean;
    }>;
  };
  readonly logger: { readonly exceptions: { unhandle(): void }; close(): void };
  configureBuckets(): Promise<unknown>;
  callback(): RequestListener;
}

type S3rverClass = new (options: {
  readonly directory: string;
  readonly silent: boolean;
  readonly vhostBuckets: boolean;
  readonly configureBuckets: readonly { readonly name: string }[];
}) => S3rver;

/** What goes wrong with a request. */
export type S3Fault =
  | { readonly kind: "error"; readonly status: number; readonly code: string; readonly message?: string }
  | { readonly kind: "html"; readonly status: number }
  /** It is done, and its answer is lost after so many bytes of its body; without a number before its first one. */
  | { readonly kind: "cut"; readonly afterBytes?: number }
  /** It is done, and its answer does not go on after so many bytes of its body. */
  | { readonly kind: "stall"; readonly afterBytes: number }
  /** Nothing is done, and nobody says so. */
  | { readonly kind: "silent" };

/** A request as a fault chooses by it. */
export interface SeenRequest {
  readonly method: string;
  /** Behind the bucket, with what stands behind `?`. */
  readonly path: string;
  readonly range: string;
}

/** A server that speaks S3, with faults on demand. */
export interface TestS3 extends AsyncDisposable {
  readonly endpoint: string;
  /** Every request so far, `PUT windlass/objects/…` for one. */
  readonly requests: string[];
  /** Chooses the fault of each request. */
  fault: (request: SeenRequest) => S3Fault | undefined;
  /** Is waited for before a request is done. */
  before: (request: SeenRequest) => Promise<void>;
  /** Whether it knows `If-None-Match`; one that does not says so. */
  isConditional: boolean;
  /** How many objects a page of a list has, at most. */
  pageSize: number;
  /** Puts other bytes in the place of an object, as nobody should. */
  overwrite(name: string, bytes: Uint8Array): Promise<void>;
  /** The setting for objects below a prefix. */
  url(prefix?: string): string;
}

export const testBucket = "objects";
/** The keys that the server knows. */
export const testKeys = { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" } as const;

/** Starts one in this process, which gets its keys. Requests that must be new are decided here: what stands behind does not know them. */
export async function openTestS3(): Promise<TestS3> {
  await using opening = new AsyncDisposableStack();
  Object.assign(process.env, testKeys);
  const directory = await mkdtemp(join(tmpdir(), "windlass-s3-"));
  opening.defer(() => rm(directory, { recursive: true, force: true }));
  const S3rver: S3rverClass = createRequire(import.meta.url)("@20minutes/s3rver");
  const s3 = new S3rver({ directory, silent: true, vhostBuckets: false, configureBuckets: [{ name: testBucket }] });
  opening.defer(() => {
    s3.logger.exceptions.unhandle();
    s3.logger.close();
  });
  await s3.configureBuckets();
  const answer = s3.callback();
  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opening.defer(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const endpoint = `http://127.0.0.1:${port}`;
  const owned = opening.move();
  const test: TestS3 = {
    endpoint,
    requests: [],
    fault: () => undefined,
    before: async () => {},
    isConditional: true,
    pageSize: 1_000,
    url: (prefix = "windlass") => `s3://${testBucket}/${prefix}?endpoint=${endpoint}`,
    overwrite: async (name, bytes) => {
      const answer = await fetch(`${endpoint}/${testBucket}/${name}`, {
        method: "PUT",
        headers: { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" },
        body: Buffer.from(bytes),
      });
      if (!answer.ok) throw new Error(await answer.text());
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const path = url.replace(`/${testBucket}/`, "");
    test.requests.push(`${method} ${path}`);
    const seen: SeenRequest = { method, path, range: request.headers.range ?? "" };
    await test.before(seen);
    const fault = test.fault(seen);
    if (fault?.kind === "silent") return;
    if (fault?.kind === "error") return refuse(request, response, fault);
    if (fault?.kind === "html") {
      await swallow(request);
      response.writeHead(fault.status, { "content-type": "text/html" }).end(html);
      return;
    }
    if (fault?.kind === "cut") endAfter(response, fault.afterBytes, () => response.socket?.destroy());
    if (fault?.kind === "stall") endAfter(response, fault.afterBytes, () => {});
    if (request.headers["if-none-match"] === "*") {
      if (!test.isConditional) return refuse(request, response, { status: 501, code: "NotImplemented" });
      const key = decodeURIComponent(path.replace(/\?.*/, ""));
      if (await s3.store.existsObject(testBucket, key))
        return refuse(request, response, { status: 412, code: "PreconditionFailed" });
    }
    // It takes the signature of a bucket for one of a path without the slash at its end.
    if (path.startsWith("?")) delete request.headers.authorization;
    if (path.includes("list-type=2")) return list(response, new URLSearchParams(path));
    answer(request, response);
  }

  /** What stands behind cannot make the name of a next page. */
  async function list(response: ServerResponse, query: URLSearchParams): Promise<void> {
    const { objects, isTruncated } = await s3.store.listObjects(testBucket, {
      prefix: query.get("prefix") ?? "",
      startAfter: query.get("continuation-token") ?? undefined,
      maxKeys: test.pageSize,
    });
    const contents = objects.map(
      ({ key, size, lastModifiedDate }) =>
        `<Contents><Key>${key}</Key><Size>${size}</Size><LastModified>${lastModifiedDate.toISOString()}</LastModified></Contents>`,
    );
    const next = isTruncated ? `<NextContinuationToken>${objects.at(-1)?.key}</NextContinuationToken>` : "";
    response.writeHead(200, { "content-type": "application/xml" });
    response.end(
      `<ListBucketResult><Name>${testBucket}</Name><IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join("")}</ListBucketResult>`,
    );
  }

  return test;
}

const html = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Please sign in<br></body></html>";

async function swallow(request: IncomingMessage): Promise<void> {
  for await (const _piece of request);
}

async function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, message = code }: { readonly status: number; readonly code: string; readonly message?: string },
): Promise<void> {
  await swallow(request);
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  response.writeHead(status, { "content-type": "application/xml" }).end(request.method === "HEAD" ? "" : text);
}

/** Ends in the middle of what is answered, or before it: breaks the connection off, or leaves it. */
function endAfter(response: ServerResponse, afterBytes: number | undefined, leave: () => void): void {
  let left = afterBytes ?? 0;
  const write = response.write.bind(response);
  const end = response.end.bind(response);
  const pass = (piece: unknown): boolean => {
    const bytes = piece instanceof Uint8Array ? piece : Buffer.from(typeof piece === "string" ? piece : "");
    const some = bytes.subarray(0, left);
    left -= some.length;
    if (afterBytes !== undefined && some.length > 0) write(some);
    if (some.length === bytes.length && left > 0) return true;
    // What was written goes out first.
    setImmediate(leave);
    return false;
  };
  response.write = (piece: unknown) => pass(piece);
  response.end = (piece?: unknown) => {
    if (pass(piece)) end();
    return response;
  };
}
