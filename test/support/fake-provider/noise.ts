import { writeSync } from "node:fs";

const plain = `${"noise ".repeat(170)}\n`;
const logged = `${JSON.stringify({ "@level": "warn", "@message": "noise ".repeat(160), "@module": "fake" })}\n`;
const pieces = [plain, logged].map((line) => line.repeat(Math.floor(2 ** 19 / line.length)));

/** Writes that many MiB to stderr: half of it lines of text, half lines of a log. */
export function makeNoise(megabytes: number): void {
  for (let written = 0; written < megabytes; written++) for (const piece of pieces) writeAll(piece);
}

function writeAll(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSome(bytes, at);
}

/** A pipe that is full for the moment takes nothing. */
function writeSome(bytes: Buffer, at: number): number {
  try {
    return writeSync(2, bytes, at);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return 0;
    throw error;
  }
}
