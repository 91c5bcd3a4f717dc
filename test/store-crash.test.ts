import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openLogStore } from "../src/store/open.ts";
import { maxReadBytes } from "../src/store/ports/logs.ts";
import { openSqliteFixture } from "./support/store/schema.ts";

const child = fileURLToPath(new URL("./store-crash-child.ts", import.meta.url));

/** Runs the child until it has acknowledged `count` things, kills it, and returns what it had acknowledged. */
async function killedAfter(folder: string, round: number, count: number): Promise<string[]> {
  const running = spawn(process.execPath, [child, folder, String(round)], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(running, "exit");
  const lines: string[] = [];
  for await (const line of createInterface(running.stdout)) {
    lines.push(line);
    if (lines.length === count) running.kill("SIGKILL");
  }
  await exited;
  return lines;
}

test("what was acknowledged before a SIGKILL is there afterwards, and nothing is torn", {
  timeout: 60_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "windlass-crash-"));
  try {
    for (const [round, count] of [150, 700, 2_500].entries()) {
      const acknowledged = await killedAfter(folder, round, count);
      expect(acknowledged.length).toBeGreaterThanOrEqual(count);
      await checkRows(folder, acknowledged);
      await checkLogs(folder, acknowledged);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function checkRows(folder: string, acknowledged: readonly string[]): Promise<void> {
  await using engine = openSqliteFixture(join(folder, "rows.db"));
  const ids = new Set(await engine.read((q) => q.accounts.ids()));
  const torn = [...ids].filter((id) => !ids.has(id.endsWith("-a") ? id.replace(/a$/, "b") : id.replace(/b$/, "a")));
  expect(torn).toEqual([]);
  const lost = acknowledged.filter((line) => line.startsWith("row ") && !ids.has(`${line.slice(4)}-a`));
  expect(lost).toEqual([]);
}

async function checkLogs(folder: string, acknowledged: readonly string[]): Promise<void> {
  await using logs = await openLogStore({ url: `sqlite:${folder}/logs.db` });
  const lengths = new Map<string, number>();
  for (const line of acknowledged) {
    const [kind, stream, length] = line.split(" ");
    if (kind === "log" && stream !== undefined) lengths.set(stream, Number(length));
  }
  expect(lengths.size).toBeGreaterThan(0);
  for (const [stream, length] of lengths) {
    expect(await logs.nextOffset(stream)).toBeGreaterThanOrEqual(length);
    const { bytes } = await logs.read(stream, 0, maxReadBytes);
    const lines = new TextDecoder().decode(bytes).split("\n").slice(0, -1);
    expect(lines).toEqual(lines.map((_, i) => String(i * 100).padStart(99, ".")));
  }
}
