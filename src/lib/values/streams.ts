import type { Readable } from "node:stream";

/** The bytes of a stream that is read without an encoding: its pieces are buffers. */
export const bytesOf = (stream: Readable): AsyncIterable<Buffer> => stream;
