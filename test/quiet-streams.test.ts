import { type CallOptions, createClient } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ExternalScaler } from "../src/gen/externalscaler/externalscaler_pb.ts";
import { Health } from "../src/gen/grpc/health/v1/health_pb.ts";
import { AgentService } from "../src/gen/windlass/v1/agent_service_pb.ts";
import { EventService } from "../src/gen/windlass/v1/event_service_pb.ts";
import { RunPhase } from "../src/gen/windlass/v1/run_pb.ts";
import { RunService } from "../src/gen/windlass/v1/run_service_pb.ts";
import { nameOf } from "../src/rpc/bodies/admission.ts";
import { publishedMethods } from "./authorization/methods.ts";
import { openWorld, type World } from "./authorization/world.ts";
import type { ManualClock } from "./support/manual-clock.ts";
import { until } from "./support/until.ts";

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

type Open = (options: CallOptions) => AsyncIterable<unknown>;

/** What a stream that may be silent opens, and what it says when it is. */
const quiet: Readonly<Record<string, { readonly open: Open; readonly sign: object }>> = {
  "windlass.v1.RunService/WatchRun": {
    open: (options) => runs().watchRun({ runId: world.places.own.planned }, options),
    sign: { run: { id: expect.stringMatching(/^run_/) }, unchanged: true },
  },
  "windlass.v1.RunService/StreamRunLogs": {
    open: (options) =>
      runs().streamRunLogs(
        { runId: world.places.own.planned, phase: RunPhase.APPLY, offset: 7n, follow: true },
        options,
      ),
    sign: { chunk: new Uint8Array(), end: false, offset: 7n, missingBytes: 0n },
  },
  "windlass.v1.AgentService/WatchAgents": {
    open: (options) =>
      createClient(AgentService, world.transport).watchAgents({ agentPool: world.places.own.pool }, options),
    sign: { agents: [], goneAgentIds: [], snapshotComplete: true },
  },
  "windlass.v1.EventService/WatchEvents": {
    open: (options) => createClient(EventService, world.transport).watchEvents({}, options),
    sign: { events: [], cursor: expect.stringMatching(/^.+\.\d+$/) },
  },
  "externalscaler.ExternalScaler/StreamIsActive": {
    open: (options) =>
      createClient(ExternalScaler, world.transport).streamIsActive(
        { scalerMetadata: { token: world.agents.own.poolToken } },
        options,
      ),
    sign: { result: expect.any(Boolean) },
  },
  "grpc.health.v1.Health/Watch": {
    open: (options) => createClient(Health, world.transport).watch({}, options),
    sign: { status: expect.any(Number) },
  },
};

/** Streams that send what there is and end, and those in both directions. */
const busy = new Set([
  ...["AuditService/ExportAuditEvents", "StateService/DownloadState", "ConfigurationService/DownloadConfiguration"],
  ...["SystemService/StreamProbe", "SystemService/Probe"],
  ...["AgentGatewayService/Session", "AgentGatewayService/DownloadAgentRelease"],
  ...["JobArtifactService/DownloadConfiguration", "JobArtifactService/DownloadPlan"],
  ...[
    "JobArtifactService/DownloadPlanFiles",
    "JobArtifactService/DownloadState",
    "JobArtifactService/ListSharedStates",
  ],
  "ServerReflection/ServerReflectionInfo",
]);

const runs = () => createClient(RunService, world.transport);

test("of every stream of the server it is known whether it may be silent", async () => {
  const streams = (await publishedMethods()).filter(
    ({ methodKind }) => methodKind.endsWith("i_streaming") || methodKind === "server_streaming",
  );
  const undecided = streams
    .map(nameOf)
    .filter((name) => !(name in quiet) && !busy.has(name.replace(/^.*\.(?=\w+\/)/, "")));
  expect(undecided).toEqual([]);
});

test.each(Object.keys(quiet))("%s says that it lives while it is silent", async (name) => {
  const clock = world.control.clock as ManualClock;
  const { open, sign } = quiet[name] as (typeof quiet)[string];
  const over = new AbortController();
  const heard: unknown[] = [];
  const headers = { authorization: `Bearer ${world.credentials["site admin"]}` };
  const reading = (async () => {
    for await (const message of open({ headers, signal: over.signal })) heard.push(message);
  })().catch(() => {});
  const [first, more] = name.endsWith("StreamRunLogs") ? [0, 2] : [1, 2];
  await until("the first message", () => heard.length >= first);
  for (let count = 0; count < more; count++) {
    const before = heard.length;
    // Reads of the database take turns of their own: time goes on until the sign is there.
    await until("a sign", async () => {
      await clock.advance(1_000);
      return heard.length > before;
    });
    expect(heard.slice(before)).toMatchObject([sign]);
  }
  over.abort();
  await reading;
});
