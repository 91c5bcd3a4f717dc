import type { HttpResponse } from "../../http/messages.ts";
import { sendPieces } from "../../http/send-pieces.ts";
import type { Clock } from "../../lib/clock.ts";
import { writeJson } from "../../lib/json/text.ts";
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

/** Resources each once, as they may stand in a document. */
export const uniqueResources = (resources: readonly Resource[]): readonly Resource[] => [
  ...new Map(resources.map((one) => [`${one.type} ${one.id}`, one])).values(),
];

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

const toPagination = ({ number, size, total, hasMore = false }: PageFacts) => {
  const pages = total === undefined ? undefined : Math.max(1, Math.ceil(total / size));
  return {
    "current-page": number,
    "page-size": size,
    "prev-page": number > 1 ? number - 1 : null,
    "next-page": (pages === undefined ? hasMore : number < pages) ? number + 1 : null,
    ...(pages === undefined ? {} : { "total-pages": pages, "total-count": total }),
  };
};

export const documentType = "application/vnd.api+json";

interface Sending {
  readonly isHead: boolean;
  readonly clock: Clock;
}

/**
 * Sends an answer; resolves when all of it is on its way, or its receiver is gone. One that does not read is cut off. Values of users
 * in a document, read by `readJson`, keep their digits.
 */
export async function send(answer: TfeAnswer, response: HttpResponse, { isHead, clock }: Sending): Promise<void> {
  const isGone = response.destroyed;
  if (answer.kind === "bytes" && isPieces(answer.bytes) && (isHead || isGone))
    await answer.bytes[Symbol.asyncIterator]().return?.();
  if (isGone) return;
  response.statusCode = answer.status;
  response.setHeader("cache-control", "no-store");
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  if (answer.kind === "empty") return end(response);
  response.setHeader("content-type", answer.kind === "document" ? documentType : answer.type);
  if (isHead) return end(response);
  const bytes = answer.kind === "document" ? writeJson(answer.document) : answer.bytes;
  if (isPieces(bytes)) return sendPieces(response, bytes, clock);
  const whole = Buffer.from(bytes);
  response.setHeader("content-length", String(whole.length));
  end(response, whole);
}

const isPieces = (bytes: Uint8Array | string | AsyncIterable<Uint8Array>): bytes is AsyncIterable<Uint8Array> =>
  typeof bytes === "object" && Symbol.asyncIterator in bytes;

const end = (response: HttpResponse, bytes?: Uint8Array): void => {
  if (bytes === undefined) response.end();
  else response.end(bytes);
};
