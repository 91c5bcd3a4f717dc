import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import {
  type AgentGatewayService,
  type Heartbeat,
  type SessionRequest,
  SessionResponseSchema,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { silentLog } from "../../lib/program/log.ts";
import { systemRandom } from "../../lib/random.ts";
import { HostChanges, type SessionHost } from "../contract/session-host.ts";
import { holdSession } from "./session.ts";
import { StreamLimits } from "./stream-limits.ts";

const settle = async () => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
};

/** A session of an agent that holds nothing, with a server that welcomes it and is silent then. */
function held(enginesSeen: () => Promise<void> = async () => {}) {
  const said: (string | undefined)[] = [];
  const clock = new ManualClock();
  const changes = new HostChanges();
  const heartbeats: Heartbeat[] = [];
  const host: SessionHost = {
    ...{ held: () => [], pendingMessages: () => [], logs: () => [], kept: () => [] },
    ...{ isDraining: () => false, leaving: () => undefined, freeDiskBytes: () => 0n, noRoom: () => "" },
    ...{ engines: () => undefined, enginesSeen, onChange: (listener) => changes.listen(listener) },
    ...{ offer: () => ({ kind: "taken" }), resume: () => {}, decide: () => {}, command: () => {}, drain: () => {} },
    ...{ removeKept: () => {}, heartbeatAnswered: () => {}, logAcknowledged: () => {}, resultAcknowledged: () => {} },
    ...{ logSent: () => {}, lacksState: () => {}, refused: () => {} },
  };
  const welcome = { heartbeatInterval: durationFromMs(60_000), logWindowBytes: 1_000n };
  const client = {
    async *session(requests: AsyncIterable<SessionRequest>) {
      said.push("opened");
      for await (const { message } of requests) {
        said.push(message.case);
        if (message.case === "heartbeat") heartbeats.push(message.value);
        if (message.case === "hello")
          yield create(SessionResponseSchema, { message: { case: "welcome", value: welcome } });
      }
    },
  } as unknown as Client<typeof AgentGatewayService>;
  const over = new AbortController();
  const identity = { incarnation: systemRandom.uuid(), bootId: systemRandom.uuid() } as never;
  const facts = { identity, sessionToken: "", clusterGeneration: "", lastSessionEpoch: 0n, onWelcome: () => {} };
  const log = silentLog();
  const limits = new StreamLimits({ clock, log });
  const session = holdSession({ client, host, ...facts, clock, limits, random: systemRandom, log }, over.signal);
  const end = async () => {
    over.abort();
    await session;
  };
  return { clock, changes, heartbeats, said, end };
}

test("that a job has heard that it is to end is said at once, and for any number of jobs once a second", async () => {
  const { clock, changes, heartbeats, end } = held();
  await settle();
  for (let jobs = 0; jobs < 50; jobs++) changes.tell({ kind: "desired" });
  await clock.advance(0);
  await settle();
  expect(heartbeats).toHaveLength(1);
  for (let jobs = 0; jobs < 50; jobs++) changes.tell({ kind: "desired" });
  await clock.advance(999);
  await settle();
  expect(heartbeats).toHaveLength(1);
  await clock.advance(1);
  await settle();
  expect(heartbeats).toHaveLength(2);
  await clock.advance(5_000);
  expect(heartbeats).toHaveLength(2);
  await end();
});

test("the stream is opened while it is looked which programs are here, and nothing is said before hello says them", async () => {
  const seen = Promise.withResolvers<void>();
  const { changes, said, end } = held(() => seen.promise);
  changes.tell({ kind: "engines" });
  await settle();
  expect(said).toEqual(["opened"]);
  seen.resolve();
  await settle();
  expect(said.slice(0, 2)).toEqual(["opened", "hello"]);
  await end();
});
