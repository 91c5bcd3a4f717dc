import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { Context } from "../server/context.ts";
import { isWorthRetrying, RunLink } from "./link.ts";

const ours = (code: Code, reason: string) =>
  new ConnectError("no", code, undefined, [
    { desc: ErrorInfoSchema, value: { domain: "windlass", reason, metadata: {} } },
  ]);

test("what the server itself has decided is final, however long it was heard", () => {
  for (const hasHeard of [false, true]) {
    expect(isWorthRetrying(ours(Code.NotFound, "NOT_FOUND"), hasHeard)).toBe(false);
    expect(isWorthRetrying(ours(Code.Unimplemented, "UNKNOWN_METHOD"), hasHeard)).toBe(false);
    expect(isWorthRetrying(ours(Code.Unavailable, "SERVER_DRAINING"), hasHeard)).toBe(true);
  }
});

test.each([Code.Unauthenticated, Code.PermissionDenied, Code.NotFound, Code.Unimplemented])(
  "code %i of somebody else is final at first, and ridden out once the call has worked",
  (code) => {
    const error = new ConnectError("HTTP 4xx", code);
    expect(isWorthRetrying(error, false)).toBe(false);
    expect(isWorthRetrying(error, true)).toBe(true);
  },
);

test("a follower says that the connection is lost, every two minutes why it still is, and that it is back", async () => {
  const said: string[] = [];
  const clock = new ManualClock();
  const io = { clock, random: { fraction: () => 1 } };
  const link = new RunLink({ io, notes: { progress: (line: string) => said.push(line) } } as unknown as Context);
  const headers = new Headers({ "content-type": "text/html", server: "nginx" });
  let isUp = true;
  const attempt = async (heard: () => void): Promise<"done" | "again"> => {
    if (!isUp) throw new ConnectError("HTTP 404", Code.Unimplemented, headers);
    heard();
    return said.length > 0 ? "done" : "again";
  };
  const following = link.persist(attempt, new AbortController().signal);
  isUp = true;
  await clock.advance(1_000);
  isUp = false;
  await clock.advance(300_000);
  isUp = true;
  await clock.advance(20_000);
  await following;
  expect(said).toEqual([
    "the connection to the server is lost; the run goes on; connecting again",
    expect.stringMatching(
      /^still connecting again, 2 min: something between here and the server \(nginx\) answers 404/,
    ),
    expect.stringMatching(/^still connecting again, 4 min: /),
    "connected again",
  ]);
});
