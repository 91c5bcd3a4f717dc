import {
  clearField,
  clone,
  type DescField,
  type DescMessage,
  type DescMethod,
  isMessage,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import type { Interceptor } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { mapItems } from "../../lib/async/streams.ts";
import { fieldOf } from "../../lib/values/records.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { nameOf } from "./admission.ts";

/** Largest message of an answer: what stock clients accept without being configured. */
export const maxAnswerBytes = 4 * 1024 * 1024;

/**
 * Keeps answers within what stock clients read. A read that would be larger is refused with ANSWER_TOO_LARGE. A change
 * has happened by then: its answer comes without its largest parts, since a caller who is told that it failed would do
 * it again.
 */
export const boundAnswers =
  ({ log }: Pick<Control, "log">): Interceptor =>
  (next) =>
  async (request) => {
    const { method } = request;
    const bounded = <T extends Message>(message: T): T => {
      if (fits(method.output, message)) return message;
      if (!answersChange(method)) throw answerTooLarge(method);
      const { slim, left } = slimmed(method, message);
      log.warn({ method: nameOf(method), left }, "the answer to a change came without its largest parts");
      return slim;
    };
    const response = await next(request);
    return response.stream
      ? { ...response, message: mapItems(response.message, bounded) }
      : { ...response, message: bounded(response.message) };
  };

const fits = (schema: DescMessage, message: Message): boolean =>
  mostBytes(message) <= maxAnswerBytes || toBinary(schema, message).length <= maxAnswerBytes;

/** Number and length of a field, or a number as its value. */
const fieldBytes = 16;

/** No fewer bytes than a value takes encoded, but cheaper to know; it stops counting above the limit. */
function mostBytes(value: unknown): number {
  if (typeof value === "string") return fieldBytes + value.length * 3;
  if (typeof value !== "object" || value === null) return fieldBytes;
  if (ArrayBuffer.isView(value)) return fieldBytes + value.byteLength;
  let bytes = fieldBytes;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length && bytes <= maxAnswerBytes; at++) bytes += mostBytes(value[at]);
    return bytes;
  }
  // Messages inherit fields that are empty; to leave them out costs more than to count them.
  for (const key in value) {
    if (bytes > maxAnswerBytes) break;
    bytes += key.length * 3 + mostBytes(fieldOf(value, key));
  }
  return bytes;
}

/** True for the one answer of a call that may have changed something. */
const answersChange = ({ methodKind, idempotency }: DescMethod): boolean =>
  (methodKind === "unary" || methodKind === "client_streaming") && idempotency !== Idempotency.NO_SIDE_EFFECTS;

const answerTooLarge = ({ name, input }: DescMethod): WindlassError => {
  const isPaged = input.field.pageToken !== undefined;
  const hint = isPaged
    ? "one row alone is larger than an answer: narrow the list so that it leaves the row out"
    : "ask for it with a call that has pages: lists leave out what is large";
  return new WindlassError(
    "answer_too_large",
    `the answer of ${name} would have more than ${maxAnswerBytes} bytes: ${hint}`,
    { metadata: { limit_bytes: String(maxAnswerBytes), hint } },
  );
};

interface Part {
  readonly holder: Message;
  readonly field: DescField;
  readonly path: string;
  readonly bytes: number;
}

/** A copy without as many of its largest parts as it takes to fit. */
function slimmed<T extends Message>(method: DescMethod, message: T): { readonly slim: T; readonly left: string[] } {
  const slim = clone(method.output, message) as T;
  const left: string[] = [];
  while (!fits(method.output, slim)) {
    const [largest] = partsOf(method.output, slim, "").toSorted((a, b) => b.bytes - a.bytes);
    if (largest === undefined || largest.bytes <= fieldBytes) throw answerTooLarge(method);
    clearField(largest.holder, largest.field);
    left.push(largest.path);
  }
  return { slim, left };
}

/** Every field of a message and of the messages in it. */
function partsOf(schema: DescMessage, holder: Message, above: string): readonly Part[] {
  const values: Readonly<Record<string, unknown>> = { ...holder };
  return schema.fields.flatMap((field) => {
    const value = values[field.localName];
    if (value === undefined || field.oneof !== undefined) return [];
    const path = `${above}${field.name}`;
    if (field.fieldKind === "message" && isMessage(value)) return partsOf(field.message, value, `${path}.`);
    return [{ holder, field, path, bytes: mostBytesOf(value) }];
  });
}

/** The whole of it, though it is over the limit. */
const mostBytesOf = (value: unknown): number =>
  Array.isArray(value) ? value.reduce<number>((sum, one) => sum + mostBytes(one), fieldBytes) : mostBytes(value);
