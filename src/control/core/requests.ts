import { createHash } from "node:crypto";
import type { Person } from "../../domain/people/principal.ts";
import { isRecord } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";

/** A call that may arrive twice because its answer was lost. */
export interface RepeatableRequest {
  readonly person: Person;
  /** Chosen by the caller; empty: the call is not repeatable. */
  readonly requestId: string;
  readonly method: string;
  /** All that the caller asked for, without the id: the same id with another body is a mistake. */
  readonly body: unknown;
  readonly at: Date;
}

/**
 * Creates something once, however often the same request arrives: a repeated one gets what the first one made, as it is
 * now. `load` answers undefined if that was deleted since.
 */
export async function once<T extends { readonly id: string }>(
  tx: Queries,
  request: RepeatableRequest,
  create: () => Promise<T>,
  load: (id: string) => Promise<T | undefined>,
): Promise<T> {
  if (request.requestId === "") return create();
  const { person, requestId, method, at } = request;
  const bodyHash = hashOf(request.body);
  const known = await tx.requests.get(person.id, requestId);
  if (known !== undefined) {
    if (known.method !== method || known.bodyHash !== bodyHash) throw reused(requestId, known.method);
    const made = await load(known.resourceId);
    if (made === undefined) throw reused(requestId, method, `: what it made (${known.resourceId}) was deleted since`);
    return made;
  }
  const made = await create();
  await tx.requests.insert({ principal: person.id, requestId, method, bodyHash, resourceId: made.id, at });
  return made;
}

const reused = (requestId: string, method: string, why = " with other values") =>
  new WindlassError(
    "request_id_reused",
    `the request_id ${requestId} was used before, for ${method}${why}. Use a new UUID for a new request`,
    { metadata: { request_id: requestId, method } },
  );

/** SHA-256 of the value as JSON with sorted keys, in hex. */
const hashOf = (body: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(body, (_key, value: unknown) => (isRecord(value) ? sorted(value) : value)) ?? "")
    .digest("hex");

const sorted = (value: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
