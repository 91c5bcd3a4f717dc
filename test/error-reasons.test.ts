import { readFileSync } from "node:fs";
import { glob } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { hintsFor } from "../src/cli/problems/hints.ts";
import { ErrorReason, ErrorReasonSchema } from "../src/gen/windlass/v1/error_reason_pb.ts";
import type { ErrorCode } from "../src/lib/words/errors.ts";
import { statusOf } from "../src/rpc/calls/errors.ts";

const root = resolve(import.meta.dirname, "..");
const reasons = Object.keys(ErrorReason).filter((reason) => reason !== "UNSPECIFIED");
const codeOf = (reason: string) => reason.toLowerCase() as ErrorCode;

/** Reasons that no test brings about, and why. */
const unproven: Readonly<Record<string, string>> = {
  LOG_LIMIT: "a log that has reached its limit is closed in the acknowledgement of its bytes: no call fails",
};

const read = async (pattern: string): Promise<readonly string[]> =>
  (await Array.fromAsync(glob(pattern, { cwd: root })))
    .filter((path) => !/mistakes|hints|errors\.test|lib\/errors|rpc\/errors|error-reasons/.test(path))
    .map((path) => readFileSync(join(root, path), "utf8"));

test("every reason has one status, and it is the one that its description names", () => {
  expect(reasons.filter((reason) => statusOf[codeOf(reason)] === undefined)).toEqual([]);
  const codes = Object.keys(statusOf);
  expect(codes.map((code) => code.toUpperCase()).sort()).toEqual([...reasons].sort());
  const proto = readFileSync(join(root, "proto/windlass/v1/error_reason.proto"), "utf8");
  for (const { name } of ErrorReasonSchema.values.filter(({ number }) => number > 0)) {
    const [, comment = ""] = new RegExp(`((?:  //.*\\n)+)  ${name} =`).exec(proto) ?? [];
    const status = Code[statusOf[codeOf(name.replace("ERROR_REASON_", ""))]] ?? "";
    const shown = status
      .replace(/(?<=[a-z])(?=[A-Z])/g, "_")
      .toUpperCase()
      .replace("CANCELED", "CANCELLED");
    expect(`${name}: ${comment}`).toContain(` ${shown}`);
  }
});

test("every reason has a next step", () => {
  const facts = { metadata: {}, command: (text: string) => `windlass ${text}` };
  expect(reasons.filter((reason) => (hintsFor(reason, facts) ?? []).length === 0)).toEqual([]);
});

test("every reason is thrown somewhere, and brought about by a test", async () => {
  const sources = (await read("src/{control,domain,rpc,store,lib,server}/**/*.ts")).filter(
    (text) => !text.includes('from "vitest"'),
  );
  const tests = [...(await read("src/**/*.test.ts")), ...(await read("test/**/*.ts"))];
  const isIn = (texts: readonly string[], reason: string) =>
    texts.some((text) => text.includes(`"${codeOf(reason)}"`) || text.includes(`"${reason}"`));
  expect(reasons.filter((reason) => !isIn(sources, reason) && !(reason in unproven))).toEqual([]);
  expect(reasons.filter((reason) => !isIn(tests, reason))).toEqual(Object.keys(unproven));
});
