import type { HttpResponse } from "../../http/messages.ts";
import type { PageFacts } from "./pages.ts";

/** The name of a resource: its type and id. */
export interface ResourceName {
  readonly type: string;
  readonly id: string;
}

/** What a resource is related to; null is nothing, a link alone says where to read it. */
export interface Relationship {
  readonly data?: ResourceName | null | readonly ResourceName[] | undefined;
  readonly links?: Readonly<Record<string, string>> | undefined;
}

/** A resource of JSON:API. */
export interface Resource extends ResourceName {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly relationships?: Readonly<Record<string, Relationship>> | undefined;
  readonly links?: Readonly<Record<string, string>> | undefined;
}

/** A document of JSON:API. */
export interface JsonApiDocument {
  readonly data: Resource | null | readonly (Resource | ResourceName)[];
  readonly included?: readonly Resource[] | undefined;
  readonly meta?: Readonly<Record<string, unknown>> | undefined;
  readonly links?: Readonly<Record<string, string | null>> | undefined;
}

type Headers = Readonly<Record<string, string>>;

export type TfeAnswer =
  | {
      readonly kind: "document";
      readonly status: number;
      readonly document: JsonApiDocument;
      readonly headers?: Headers | undefined;
    }
  | { readonly kind: "empty"; readonly status: number; readonly headers?: Headers | undefined }
  /** Bytes that are no JSON:API: logs, archives, states, pages. */
  | {
      readonly kind: "bytes";
      readonly status: number;
      readonly type: string;
      readonly bytes: Uint8Array | string | AsyncIterable<Uint8Array>;
      readonly headers?: Headers | undefined;
    };

type DocumentParts = Omit<JsonApiDocument, "data">;

/** 200 with a resource. */
export const found = (data: Resource, parts: DocumentParts = {}, headers?: Headers): TfeAnswer => ({
  kind: "document",
  status: 200,
  document: { data, ...parts },
  headers,
});

/** 201 with what was made. */
export const created = (data: Resource, parts: DocumentParts = {}, headers?: Headers): TfeAnswer => ({
  kind: "document",
  status: 201,
  document: { data, ...parts },
  headers,
});

/** 200 with a page of a list. */
export const listed = (
  data: readonly (Resource | ResourceName)[],
  page: PageFacts,
  parts: DocumentParts = {},
): TfeAnswer => ({
  kind: "document",
  status: 200,
  document: { data, ...parts, meta: { ...parts.meta, pagination: toPagination(page) } },
});

/** 200 with a list that has no pages. */
export const listedWhole = (data: readonly (Resource | ResourceName)[], parts: DocumentParts = {}): TfeAnswer => ({
  kind: "document",
  status: 200,
  document: { data, ...parts },
});

/** 204. */
export const done: TfeAnswer = { kind: "empty", status: 204 };
/** 202: it was taken, and happens by and by. */
export const accepted: TfeAnswer = { kind: "empty", status: 202 };

const toPagination = ({ number, size, total }: PageFacts) => {
  const pages = total === undefined ? undefined : Math.max(1, Math.ceil(total / size));
  return {
    "current-page": number,
    "page-size": size,
    "prev-page": number > 1 ? number - 1 : null,
    "next-page": pages === undefined || number < pages ? number + 1 : null,
    ...(pages === undefined ? {} : { "total-pages": pages, "total-count": total }),
  };
};

export const documentType = "application/vnd.api+json";

/** Sends an answer; resolves when all of it is on its way, or its receiver is gone. */
export async function send(answer: TfeAnswer, response: HttpResponse, isHead: boolean): Promise<void> {
  response.statusCode = answer.status;
  response.setHeader("cache-control", "no-store");
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.kind === "empty") return end(response);
  response.setHeader("content-type", answer.kind === "document" ? documentType : answer.type);
  const bytes = answer.kind === "document" ? JSON.stringify(answer.document) : answer.bytes;
  if (isHead) return end(response);
  if (typeof bytes === "string" || bytes instanceof Uint8Array) {
    const whole = Buffer.from(bytes);
    response.setHeader("content-length", String(whole.length));
    return end(response, whole);
  }
  await stream(response, bytes);
}

const end = (response: HttpResponse, bytes?: Uint8Array): void => {
  if (bytes === undefined) response.end();
  else response.end(bytes);
};

/** Pieces at the pace of their receiver. */
async function stream(response: HttpResponse, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const gone = new Promise<void>((resolve) => response.once("close", resolve));
  for await (const piece of pieces) {
    if (response.destroyed || response.writableEnded) return;
    const isFull = "stream" in response ? !response.stream.write(piece) : !response.write(piece);
    if (isFull) await Promise.race([gone, drainOf(response)]);
  }
  response.end();
}

const drainOf = (response: HttpResponse): Promise<void> =>
  new Promise((resolve) => {
    const carrier = "stream" in response ? response.stream : response;
    carrier.once("drain", () => resolve());
  });
