import { Code } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../test/support/agent/fake-job.ts";
import { ownRefusal } from "../../test/support/agent/own-refusal.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const connected = () =>
  eventually(() => place.controlPlane.hellos.length > 0 && place.controlPlane.isConnected, "connected");

test("a drained agent says good-bye when idle, and is done", async () => {
  const agent = place.start();
  await connected();
  agent.drain("SIGTERM");
  expect(await agent.done).toEqual({ kind: "drained" });
  expect(place.controlPlane.goodbyes).toEqual(["SIGTERM"]);
});

test("a drained agent without a connection just leaves", async () => {
  place.controlPlane.knobs.isAway = true;
  const agent = place.start();
  agent.drain("SIGTERM");
  expect(await agent.done).toEqual({ kind: "drained" });
});

test("a rejected token ends the agent, and the reason is kept", async () => {
  place.controlPlane.knobs.refusal = ownRefusal("the agent token was revoked", Code.Unauthenticated);
  expect(await place.start().done).toEqual({ kind: "token_rejected", detail: "the agent token was revoked" });
});

test("two agents cannot share a data directory", async () => {
  place.start();
  await connected();
  const second = place.start();
  expect(await second.done).toMatchObject({ kind: "directory_unusable", detail: expect.stringContaining("in use by") });
});

test("an agent without a place declines, and says why", async () => {
  place.start("a", { minFreeBytes: Number.MAX_SAFE_INTEGER });
  await connected();
  place.controlPlane.offer(
    new FakeJob({ id: "job_plan", runId: "run_1", configuration: await place.pack({ "main.tf": "" }) }),
  );
  expect(await eventually(() => place.controlPlane.declines[0], "declined")).toContain("disk full");
  expect(await place.jobDirectories()).toEqual([]);
});
