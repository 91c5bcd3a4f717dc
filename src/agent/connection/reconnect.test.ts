import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ownRefusal } from "../../../test/support/agent/own-refusal.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { Random } from "../../lib/random.ts";
import { type ConnectionOutcome, registerFailure } from "../contract/connection-outcome.ts";
import { nextStep } from "./reconnect.ts";

const chance = (fraction: number): Random => ({
  uuid: () => "",
  bytes: () => new Uint8Array(),
  fraction: () => fraction,
});

/** The bounds of the wait, or the reason to stop. */
function decide(outcome: ConnectionOutcome, failures = 0, hasJobs = false): string {
  const [soonest, latest] = [0, 1].map((fraction) =>
    nextStep(outcome, { failures, hasJobs, random: chance(fraction) }),
  );
  if (soonest?.kind === "dial" && latest?.kind === "dial") return `dial ${soonest.afterMs}–${latest.afterMs} ms`;
  return soonest?.kind === "stop" ? `stop ${soonest.outcome.kind}` : "?";
}

describe("what follows a connection's end", () => {
  const table: readonly [string, ConnectionOutcome, number, boolean, string][] = [
    ["the first failure", { kind: "unavailable", reason: "" }, 0, false, "dial 0–5000 ms"],
    ["the third failure", { kind: "unavailable", reason: "" }, 2, false, "dial 0–20000 ms"],
    ["the hundredth failure", { kind: "unavailable", reason: "" }, 99, false, "dial 0–30000 ms"],
    ["the hundredth failure while jobs run", { kind: "unavailable", reason: "" }, 99, true, "dial 0–10000 ms"],
    ["told when to come back", { kind: "unavailable", reason: "", retryAfterMs: 3_000 }, 0, false, "dial 3000–8000 ms"],
    ["a stream that worked breaks", { kind: "lost", reason: "", livedMs: 20_000 }, 5, false, "dial 0–1000 ms"],
    ["a young stream breaks for the first time", { kind: "lost", reason: "", livedMs: 5 }, 0, false, "dial 0–1000 ms"],
    ["young streams break again and again", { kind: "lost", reason: "", livedMs: 5 }, 3, false, "dial 0–30000 ms"],
    ["asked to reconnect", { kind: "told_to_reconnect", afterMs: 100, maxDelayMs: 50 }, 9, false, "dial 100–150 ms"],
    ["superseded", { kind: "superseded", detail: "" }, 0, false, "dial 30000–60000 ms"],
    ["the protocol was broken", { kind: "protocol_broken", detail: "" }, 0, false, "dial 30000–60000 ms"],
    ["a rejected token", { kind: "token_rejected", detail: "" }, 0, false, "stop token_rejected"],
    ["a rejected token while terraform runs", { kind: "token_rejected", detail: "" }, 0, true, "dial 30000–60000 ms"],
    ["a refused version", { kind: "version_refused", detail: "" }, 0, false, "stop version_refused"],
    ["deleted", { kind: "deleted", detail: "" }, 0, true, "stop deleted"],
    ["left", { kind: "left" }, 0, false, "stop drained"],
    ["stopped", { kind: "stopped" }, 0, true, "stop stopped"],
  ];
  test.each(table)("%s", (_name, outcome, failures, hasJobs, expected) => {
    expect(decide(outcome, failures, hasJobs)).toBe(expected);
  });
});

describe("where another server may be well", () => {
  const soonest = (outcome: ConnectionOutcome, failures: number) =>
    [0, 1].map((fraction) =>
      nextStep(outcome, { failures, hasJobs: false, isElsewhere: true, random: chance(fraction) }),
    );
  test("it is dialed within a second, however many have failed and whatever the one that fails says", () => {
    for (const outcome of [
      { kind: "unavailable", reason: "", retryAfterMs: 30_000 },
      { kind: "lost", reason: "", livedMs: 5 },
    ] as const)
      expect(soonest(outcome, 9)).toEqual([0, 1_000].map((afterMs) => ({ kind: "dial", afterMs, failures: 10 })));
  });

  test.each([
    ["a server that stops", ownRefusal("stopping", Code.Unavailable, "SERVER_DRAINING"), true],
    ["a server without its database", ownRefusal("no rows", Code.Unavailable, "STORAGE_UNAVAILABLE"), true],
    ["a proxy without a server", new ConnectError("Received HTTP status code 502", Code.Unavailable), true],
    ["an identity in use", ownRefusal("twice", Code.Unavailable, "ALREADY_CONNECTED"), undefined],
    ["a limit", ownRefusal("too fast", Code.ResourceExhausted, "RATE_LIMITED"), undefined],
  ])("%s is a reason to leave, or is none: %s", (_name, error, isBetterElsewhere) => {
    const outcome = registerFailure(error);
    expect(outcome.kind === "unavailable" && outcome.isBetterElsewhere).toBe(isBetterElsewhere);
  });
});

describe("a refused registration", () => {
  const reason = (name: string) => ({ desc: ErrorInfoSchema, value: { reason: name, domain: "windlass" } });
  test.each([
    ["unauthenticated", ownRefusal("bad token", Code.Unauthenticated), "token_rejected"],
    ["permission denied", ownRefusal("an API key", Code.PermissionDenied), "token_rejected"],
    ["unavailable", new ConnectError("no connection", Code.Unavailable), "unavailable"],
    ["unimplemented", new ConnectError("not our server", Code.Unimplemented), "unavailable"],
    ["a broken connection", new Error("reset"), "unavailable"],
    [
      "a refused version",
      new ConnectError("too old", Code.FailedPrecondition, undefined, [reason("AGENT_VERSION_REFUSED")]),
      "version_refused",
    ],
  ])("%s", (_name, error, kind) => {
    expect(registerFailure(error).kind).toBe(kind);
  });

  test("none at all is one more reason to dial: the connection that seems to be there may lead nowhere", () => {
    const unanswered = registerFailure(new ConnectError("the operation timed out", Code.DeadlineExceeded));
    const reason = expect.stringMatching(/^the server takes calls and answers none: .* packets are too large/);
    expect(unanswered).toEqual({ kind: "unavailable", isSilent: true, isBetterElsewhere: true, reason });
    expect(registerFailure(new ConnectError("away", Code.Unavailable))).not.toHaveProperty("isSilent");
  });

  test("an identity in use is tried again after the time that the server names", () => {
    const retry = { desc: RetryInfoSchema, value: { retryDelay: { seconds: 12n, nanos: 0 } } };
    const error = new ConnectError("twice", Code.Unavailable, undefined, [reason("ALREADY_CONNECTED"), retry]);
    expect(registerFailure(error)).toMatchObject({ kind: "unavailable", retryAfterMs: 12_000 });
  });
});
