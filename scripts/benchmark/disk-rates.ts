import { spawn } from "node:child_process";
import { once } from "node:events";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { logPiece } from "./load/log-piece.ts";
import { now } from "./timing.ts";

const mib = 2 ** 20;

/** How many MiB a second this disk takes, synced after each MiB. */
export async function syncedRate(directory: string, totalMib: number): Promise<number> {
  const file = await open(join(directory, "raw-log"), "w");
  const piece = Buffer.concat(Array.from({ length: mib / (64 * 1024) }, logPiece));
  const start = now();
  try {
    for (let written = 0; written < totalMib; written++) {
      await file.write(piece);
      await file.datasync();
    }
  } finally {
    await file.close();
  }
  return totalMib / ((now() - start) / 1000);
}

/** How many MiB a second PostgreSQL takes by COPY, in rows of 64 KiB, committed at the end. */
export async function copyRate(url: string, bin: string, totalMib: number): Promise<number> {
  const psql = join(bin, "psql");
  const run = (statement: string) => execa(psql, [url, "-X", "-q", "-c", statement]);
  await run("CREATE TABLE IF NOT EXISTS raw_log (piece bytea); TRUNCATE raw_log");
  const start = now();
  const copying = spawn(psql, [url, "-X", "-q", "-c", "COPY raw_log FROM STDIN (FORMAT binary)"], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  const ended = once(copying, "exit");
  copying.stdin.write(Buffer.from("PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", "latin1"));
  const row = copyRow(logPiece());
  for (let at = 0; at < totalMib * 16; at++) if (!copying.stdin.write(row)) await once(copying.stdin, "drain");
  copying.stdin.end(Buffer.from([0xff, 0xff]));
  const [code] = await ended;
  if (code !== 0) throw new Error(`psql ended with ${code}`);
  return totalMib / ((now() - start) / 1000);
}

/** A row of one column, as COPY reads it in binary: how many columns, how many bytes, the bytes. */
function copyRow(bytes: Buffer): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(1, 0);
  head.writeUInt32BE(bytes.length, 2);
  return Buffer.concat([head, bytes]);
}
