import { createReadStream } from "node:fs";
import { beginsEmergencyDump } from "./events.ts";

const newline = 0x0a;
const field = '"state":';
const ending = ',"type":"log"}';

/**
 * The state that terraform printed into its `-json` output because it could save it nowhere (a full disk), as the bytes that
 * stand there: parsed and printed again it would lose digits of large numbers. Undefined when there is none in whole.
 */
export async function findEmergencyState(outputFile: string): Promise<Buffer | undefined> {
  let found: Buffer | undefined;
  for await (const line of longLines(outputFile)) {
    const text = line.toString("utf8");
    if (beginsEmergencyDump(text)) found = stateIn(text) ?? found;
  }
  return found;
}

function stateIn(line: string): Buffer | undefined {
  const from = line.indexOf(field) + field.length;
  const to = line.lastIndexOf(ending);
  const text = line.slice(from, to);
  try {
    JSON.parse(text);
    return from > field.length && to > from ? Buffer.from(text) : undefined;
  } catch {
    return undefined;
  }
}

/** The lines of a file that may be a dump: the others are passed over without being kept. */
async function* longLines(file: string): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    const bytes = chunk as Buffer;
    let at = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      const line = parts.length === 0 ? bytes.subarray(at, end) : Buffer.concat([...parts, bytes.subarray(at, end)]);
      parts = [];
      at = end + 1;
      if (mayBeDump(line)) yield line;
    }
    parts.push(Buffer.from(bytes.subarray(at)));
  }
}

const mark = Buffer.from("Emergency state dump");

const mayBeDump = (line: Buffer): boolean => line.subarray(0, 500).includes(mark);
