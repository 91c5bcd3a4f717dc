import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTextRedactor } from "../../../terraform/redaction/redact.ts";
import { keepHookReport, maxSummaryBytes, readHookReports } from "./hook-reports.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-reports-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const secret = Array.from({ length: 50 }, (_, index) => `k${index}z`).join("");
const pieces = Array.from({ length: secret.length - 6 }, (_, from) => secret.slice(from, from + 6));

/** What is shown of a summary. */
async function shown(summary: string): Promise<string> {
  const [path, said] = [join(dir, "reports"), join(dir, "said")];
  await writeFile(said, summary);
  const told = { step: "hook-1", name: "post-plan.d/1", sha256: "", exitCode: 0, said };
  await keepHookReport(path, told, createTextRedactor([secret]));
  const [report] = await readHookReports(path);
  return report?.summary ?? "";
}

test.each([1, 100, 130, 150, 180, 200])(
  "nothing is shown of a secret that begins %i bytes before the cut",
  async (before) => {
    const text = await shown(`${"a".repeat(maxSummaryBytes - before)}${secret} and more`);
    expect(pieces.filter((piece) => text.includes(piece))).toEqual([]);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxSummaryBytes);
  },
);

test("what is too long to be searched for secrets is left out", async () => {
  const text = await shown(`${"a".repeat(1024 * 1024)}${secret}`);
  expect(text).toBe("(left out: it has more than 1 MiB)\n");
});
