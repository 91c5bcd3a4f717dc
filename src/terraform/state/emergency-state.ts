import type { FileHandle } from "node:fs/promises";
import { openRegular } from "../../lib/fs/regular-file.ts";
import { JsonScanner, scanJson } from "../../lib/json/scan.ts";
import { beginsEmergencyDump } from "../output/events.ts";
import { maxStateBytes } from "./state.ts";

const newline = 0x0a;
const field = '"state":';
const ending = ',"type":"log"}';
/** What tells a dump stands in so much of its line. */
const headBytes = 500;
const chunkBytes = 1024 * 1024;
/** Terraform prints its state at its end: more of its output is not read, whatever a job has made of the file. */
const searchedBytes = maxStateBytes + 64 * chunkBytes;
/** Dumps that are looked at, the last first: terraform prints one. */
const maxDumps = 4;

/** Where a line lies in a file; `to` is exclusive. */
interface Line {
  readonly from: number;
  readonly to: number;
}

/**
 * The state that terraform printed into its `-json` output because it could save it nowhere (a full disk), as the bytes
 * that stand there: parsed and printed again it would lose digits of large numbers. Undefined when there is none in
 * whole. Nothing but that state is kept in memory.
 */
export async function findEmergencyState(outputFile: string): Promise<Buffer | undefined> {
  await using file = await openRegular(outputFile);
  if (file === undefined) return undefined;
  const dumps = await findDumps(file);
  for (const { from, to } of dumps.toReversed()) {
    const line = Buffer.allocUnsafeSlow(to - from);
    const { bytesRead } = await file.read(line, 0, line.length, from);
    const state = await stateIn(line.subarray(0, bytesRead));
    if (state !== undefined) return state;
  }
  return undefined;
}

async function stateIn(line: Buffer): Promise<Buffer | undefined> {
  const from = line.indexOf(field) + field.length;
  const to = line.lastIndexOf(ending);
  if (from <= field.length || to <= from) return undefined;
  const state = line.subarray(from, to);
  return (await scanJson(state, new JsonScanner({ depth: 0, onScalar: () => {} }))) ? state : undefined;
}

/** The last lines that are whole and begin as a dump does. */
async function findDumps(file: FileHandle): Promise<readonly Line[]> {
  const { size } = await file.stat();
  const search = new DumpSearch(Math.max(0, size - searchedBytes));
  const buffer = Buffer.alloc(chunkBytes);
  for (let at = search.from; at < size; ) {
    const { bytesRead } = await file.read(buffer, 0, chunkBytes, at);
    if (bytesRead === 0) break;
    search.push(buffer.subarray(0, bytesRead), at);
    at += bytesRead;
  }
  return search.found;
}

class DumpSearch {
  readonly from: number;
  #lineFrom: number;
  /** The beginning of the present line. */
  #head = "";
  readonly #found: Line[] = [];

  constructor(from: number) {
    this.from = from;
    this.#lineFrom = from;
  }

  get found(): readonly Line[] {
    return this.#found;
  }

  push(bytes: Buffer, base: number): void {
    let at = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, at)) {
      this.#extend(bytes.subarray(at, end));
      this.#end(base + end);
      at = end + 1;
    }
    this.#extend(bytes.subarray(at));
  }

  #extend(piece: Buffer): void {
    if (this.#head.length < headBytes) this.#head += piece.toString("latin1", 0, headBytes - this.#head.length);
  }

  #end(to: number): void {
    const line = { from: this.#lineFrom, to };
    if (beginsEmergencyDump(this.#head) && to - line.from <= maxStateBytes) this.#found.push(line);
    if (this.#found.length > maxDumps) this.#found.shift();
    this.#lineFrom = to + 1;
    this.#head = "";
  }
}
