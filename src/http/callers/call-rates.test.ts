import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Person } from "../../domain/people/principal.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { CallRates } from "./call-rates.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const key = (id: `key_${string}`): Person => ({
  ...{ kind: "api_key", id, name: "ci", role: "operator", organizationId: "org_1" },
});
const rejected = new WindlassError("token_revoked", "the key was revoked");

/** How many of these calls are let in. */
async function admitted(rates: CallRates, calls: number, who: Parameters<CallRates["admit"]>[0], address = "10.0.0.1") {
  let count = 0;
  for (let call = 0; call < calls; call++) {
    await rates.admit(who, address).then(
      () => count++,
      () => {},
    );
  }
  return count;
}

test("a key has its calls a second and a burst of twice that, and then waits", async () => {
  const rates = new CallRates({ callsPerSecond: 10, authFailuresPerMinute: 0 });
  expect(await admitted(rates, 50, key("key_1"))).toBe(30);
  expect(await admitted(rates, 50, key("key_2"))).toBe(30);
  await expect(rates.admit(key("key_1"), "")).rejects.toMatchObject({
    code: "rate_limited",
    message: "more than 10 calls a second with this API key: wait, then try again (windlassd --rate-limit)",
    metadata: { limit: "rate-limit" },
    retryAfterMs: expect.any(Number),
  });
  await vi.advanceTimersByTimeAsync(1000);
  expect(await admitted(rates, 50, key("key_1"))).toBe(10);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await admitted(rates, 50, key("key_1"))).toBe(30);
});

test("calls without a credential count by address, an agent token's by both; agents that are let in do not count", async () => {
  const rates = new CallRates({ callsPerSecond: 1, authFailuresPerMinute: 0 });
  const token = { kind: "agent_token", id: "atok_1", poolId: "apool_1", organizationId: "org_1" } as const;
  expect(await admitted(rates, 9, undefined)).toBe(3);
  expect(await admitted(rates, 9, undefined, "10.0.0.2")).toBe(3);
  expect(await admitted(rates, 9, token)).toBe(3);
  expect(await admitted(rates, 9, token, "10.0.0.2")).toBe(3);
  expect(await admitted(rates, 9, { kind: "agent_session", agentId: "agent_1" })).toBe(9);
  expect(await admitted(rates, 9, { kind: "job", jobId: "job_1", epoch: 1 })).toBe(9);
  expect(await admitted(rates, 9, { kind: "server_agent" })).toBe(9);
});

test("an address may show a number of bad credentials a minute; other failures are none", async () => {
  const rates = new CallRates({ callsPerSecond: 0, authFailuresPerMinute: 2 });
  const show = (error: unknown, address = "10.0.0.1") => rates.rejected(error, address);
  expect([await show(rejected), await show(rejected)]).toEqual([rejected, rejected]);
  expect(await show(rejected)).toMatchObject({ code: "rate_limited", metadata: { limit: "auth-failure-limit" } });
  expect(await show(rejected, "10.0.0.2")).toBe(rejected);
  const fault = new Error("the database is away");
  expect(await show(fault)).toBe(fault);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await show(rejected)).toBe(rejected);
});

test("0 is no limit", async () => {
  const rates = new CallRates({ callsPerSecond: 0, authFailuresPerMinute: 0 });
  expect(await admitted(rates, 1000, key("key_1"))).toBe(1000);
  for (let call = 0; call < 1000; call++) expect(await rates.rejected(rejected, "10.0.0.1")).toBe(rejected);
});
