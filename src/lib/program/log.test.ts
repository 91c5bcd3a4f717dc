import { expect, test } from "vitest";
import { systemRandom } from "../random.ts";
import { mintToken } from "../words/tokens.ts";
import { memoryLog, silentLog } from "./log.ts";

test("a record carries its level, fields and constant message", () => {
  const { log, records } = memoryLog();
  log.child({ runId: "run_1" }).info({ jobId: "job_1" }, "job offered");
  expect(records).toMatchObject([{ level: "info", runId: "run_1", jobId: "job_1", msg: "job offered" }]);
});

test("tokens are masked in every field, message and stack", () => {
  const { log, records } = memoryLog();
  const token = mintToken("agt", systemRandom);
  log.warn({ err: new Error(`refused ${token}`), deep: { header: [`Bearer ${token}`] } }, `saw ${token}`);
  expect(JSON.stringify(records)).not.toContain(token);
  expect(JSON.stringify(records)).toContain(`${token.slice(0, 12)}…`);
});

test("keys that name secrets are redacted whatever they hold", () => {
  const { log, records } = memoryLog();
  log.info({ token: "plain", request: { authorization: "plain" } }, "call");
  expect(JSON.stringify(records)).not.toContain("plain");
});

test("levels filter", () => {
  const { log, records } = memoryLog("warn");
  log.info("quiet");
  log.error("loud");
  expect(records.map((record) => record.msg)).toEqual(["loud"]);
  silentLog().error("nowhere");
});
