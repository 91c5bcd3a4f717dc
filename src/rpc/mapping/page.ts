import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Page, type PageRequest, upTo } from "../../control/core/pages.ts";

/** What a list request says of its page. */
export const fromPage = ({
  pageSize,
  pageToken,
}: {
  readonly pageSize: number;
  readonly pageToken: string;
}): PageRequest => ({
  size: pageSize,
  token: pageToken,
});

/** Where every page ends, encoded, whatever its size in rows may be. A row that is larger stands alone. */
export const maxPageBytes = 1024 * 1024;
/** For what stands in an answer beside its rows: the token of the next page, and counts. */
const besideRows = 4 * 1024;
/** Most bytes of the number and the length before a row. */
const rowOverhead = 7;

/** How many bytes a row of a list takes in an answer. */
const bytesOfRow = <D extends DescMessage>(schema: D, message: MessageShape<D>): number =>
  toBinary(schema, message).length + rowOverhead;

interface MessagePage<M> {
  readonly messages: M[];
  readonly nextPageToken: string;
}

/** The rows of a page as messages: as many as an answer has room for. The next page goes on after the last of them. */
export function toPage<T, D extends DescMessage>(
  page: Page<T>,
  schema: D,
  toMessage: (row: T) => MessageInitShape<D>,
): MessagePage<MessageShape<D>> {
  const messages = toMessagesWithin(page.rows, schema, { maxBytes: maxPageBytes - besideRows, toMessage });
  return { messages, nextPageToken: upTo(page, messages.length).nextToken };
}

/** Where each of several lists in one answer ends. */
const maxShareBytes = 256 * 1024;

/** The first rows of one of several lists in an answer, as messages. */
export const toFirstMessages = <T, D extends DescMessage>(
  rows: readonly T[],
  schema: D,
  toMessage: (row: T) => MessageInitShape<D>,
): MessageShape<D>[] => toMessagesWithin(rows, schema, { maxBytes: maxShareBytes, toMessage });

interface Room<T, D extends DescMessage> {
  readonly maxBytes: number;
  readonly toMessage: (row: T) => MessageInitShape<D>;
}

/** As many rows as there is room for, but at least one. */
function toMessagesWithin<T, D extends DescMessage>(
  rows: readonly T[],
  schema: D,
  { maxBytes, toMessage }: Room<T, D>,
): MessageShape<D>[] {
  const messages: MessageShape<D>[] = [];
  let left = maxBytes;
  for (const row of rows) {
    const message = create(schema, toMessage(row));
    left -= bytesOfRow(schema, message);
    if (left < 0 && messages.length > 0) break;
    messages.push(message);
  }
  return messages;
}

/** Messages in pieces of at most as many bytes as a page; one piece at least, which may be empty. */
export function* toPieces<D extends DescMessage>(
  schema: D,
  messages: readonly MessageShape<D>[],
): Generator<MessageShape<D>[], void> {
  let piece: MessageShape<D>[] = [];
  let left = maxPageBytes - besideRows;
  for (const message of messages) {
    const bytes = bytesOfRow(schema, message);
    if (bytes > left && piece.length > 0) {
      yield piece;
      piece = [];
      left = maxPageBytes - besideRows;
    }
    piece.push(message);
    left -= bytes;
  }
  yield piece;
}
