import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";

/** Bytes of a log, where they stand in it and when they came, as the server tells it. */
export interface ToldBytes {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly times: readonly { readonly offset: bigint; readonly time?: Timestamp | undefined }[];
}

/** `2026-01-31T12:00:00Z ` is so long. */
export const lineTimeLength = 21;

const lineFeed = 0x0a;
const unknown = " ".repeat(lineTimeLength);

/** Puts the time of its first byte before each line of a log, in as much space where nobody knows it. */
export class LineTimes {
  #isAtStart = true;

  take({ bytes, offset, times }: ToldBytes): Uint8Array {
    const parts: Uint8Array[] = [];
    let passed = 0;
    for (let from = 0; from < bytes.length; ) {
      while (Number(times[passed]?.offset ?? Infinity) <= offset + from) passed += 1;
      if (this.#isAtStart) parts.push(Buffer.from(textOf(times[passed - 1]?.time)));
      const feed = bytes.indexOf(lineFeed, from);
      this.#isAtStart = feed >= 0;
      const end = this.#isAtStart ? feed + 1 : bytes.length;
      parts.push(bytes.subarray(from, end));
      from = end;
    }
    return Buffer.concat(parts);
  }
}

const textOf = (time: Timestamp | undefined): string =>
  time === undefined ? unknown : new Date(timestampMs(time)).toISOString().replace(/\.\d+Z$/, "Z ");
