import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Code, FakeServer, refusal } from "../../../test/support/cli/fake-server.ts";
import { type CliRun, startCli } from "../../../test/support/cli/run-cli.ts";
import { until } from "../../../test/support/until.ts";
import { AgentStatus } from "../../gen/windlass/v1/agent_pb.ts";
import {
  type EventSchema,
  EventService,
  type WatchEventsRequest,
  type WatchEventsResponse,
  WatchEventsResponseSchema,
} from "../../gen/windlass/v1/event_service_pb.ts";
import { RunState, WaitingReason } from "../../gen/windlass/v1/run_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { Interrupted } from "../terminal/io.ts";

type Answers = (request: WatchEventsRequest, signal: AbortSignal) => AsyncGenerator<WatchEventsResponse>;
type Subject = NonNullable<MessageInitShape<typeof EventSchema>["subject"]>;

let server: FakeServer;
let answers: Answers;
let asked: WatchEventsRequest[];
let cli: CliRun;

beforeEach(async () => {
  asked = [];
  server = await new FakeServer((router) =>
    router.service(SystemService, { whoAmI: () => ({}) }).service(EventService, {
      watchEvents: (request, { signal }) => {
        asked.push(request);
        return answers(request, signal);
      },
    }),
  ).start();
});
afterEach(async () => {
  cli.abort(new Interrupted());
  await cli.exit;
  await server.stop();
});

const message = (cursor: string, ...subjects: readonly Subject[]) =>
  create(WatchEventsResponseSchema, { cursor, events: subjects.map((subject) => ({ subject })) });

const forEver = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

function watch(...words: readonly string[]): CliRun {
  const environment = { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t", NO_COLOR: "1" };
  cli = startCli(["watch", ...words], { environment });
  return cli;
}

const lines = () =>
  cli
    .stdout()
    .split("\n")
    .filter((line) => line !== "");

const everything: readonly Subject[] = [
  {
    case: "run",
    value: {
      ...{ id: "run_1", workspace: "dns", state: RunState.PLAN_QUEUED },
      waiting: { reason: WaitingReason.AGENTS_BUSY, detail: "every agent is busy", queuePosition: 2 },
    },
  },
  {
    case: "run",
    value: {
      ...{ id: "run_2", workspace: "dns", state: RunState.PLANNED },
      ...{ plannedChanges: { add: 2 }, hasChanges: true },
    },
  },
  {
    case: "agent",
    value: { id: "agent_1", name: "vm-7", agentPool: "prod", status: AgentStatus.ERRORED, concurrency: 1 },
  },
  { case: "agentPool", value: { id: "apool_1", name: "prod", counts: { idleAgents: 1, queuedJobs: 3 } } },
  {
    case: "workspace",
    value: { id: "ws_1", name: "dns", lock: { holder: "ann", reason: "new zone" }, queuedRuns: 2 },
  },
  { case: "workspace", value: { id: "ws_2", name: "net", queuedRuns: 1 } },
  { case: "agentToken", value: { id: "atok_1", agentPool: "prod", description: "rack 3", active: true } },
  { case: "gone", value: { resourceType: "windlass.v1.Workspace", id: "ws_9", name: "old" } },
  { case: "gone", value: { resourceType: "windlass.v2.Rack", id: "rack_1" } },
];

test("each change is a line in plain words, said once", async () => {
  answers = async function* (_request, signal) {
    yield message("a.0");
    yield message("a.1", ...everything);
    yield message("a.1");
    yield message("a.2", ...everything);
    await forEver(signal);
  };
  watch();
  await until("all is said", () => lines().length >= 8);
  expect(lines()).toEqual([
    expect.stringContaining("run_1 in workspace dns: plan queued: every agent is busy"),
    expect.stringMatching(/run_2 in workspace dns: planned: 2 to add/),
    expect.stringMatching(/agent vm-7 of pool prod: .*, 0 of 1 job/),
    expect.stringContaining("pool prod: 1 idle; 3 queued, 0 running"),
    expect.stringContaining("workspace dns: locked by ann: new zone, 2 runs wait for it"),
    expect.stringContaining("workspace net: not locked, 1 run waits for it"),
    expect.stringContaining("token atok_1 of pool prod (rack 3): not used yet"),
    expect.stringContaining("workspace old is gone"),
  ]);
  cli.abort(new Interrupted());
  expect(await cli.exit).toBe(130);
});

test("for programs it is an event a line, or a name; --only leaves the others out", async () => {
  answers = async function* (_request, signal) {
    yield message("a.1", ...everything);
    await forEver(signal);
  };
  watch("-o", "json", "--only", "runs,tokens");
  await until("all is said", () => lines().length >= 3);
  expect(lines().map((line) => JSON.parse(line))).toMatchObject([
    { run: { id: "run_1" } },
    { run: { id: "run_2", state: "RUN_STATE_PLANNED" } },
    { agentToken: { id: "atok_1" } },
  ]);
  cli.abort(new Interrupted());
  await cli.exit;
  watch("-o", "name", "--only", "workspaces");
  await until("all is said", () => lines().length >= 3);
  expect(lines()).toEqual(["workspace/dns", "workspace/net", "workspace/old"]);
});

test("after a broken connection it goes on behind the last message, and says so", async () => {
  answers = async function* ({ cursor }, signal) {
    yield cursor === "" ? message("a.5", ...everything.slice(0, 1)) : message("a.6", ...everything.slice(4, 5));
    await forEver(signal);
  };
  watch();
  await until("the first is said", () => lines().length === 1);
  await server.stop();
  await until("it says that the connection is lost", () => cli.stderr().includes("connection to the server is lost"));
  await server.start();
  await until("the second is said", () => lines().length === 2, { deadlineMs: 20_000 });
  expect(asked.at(-1)?.cursor).toBe("a.5");
  expect(cli.stderr()).toContain("connected again");
});

test("a cursor that has expired is said, and it watches from now on; what the server refuses ends it", async () => {
  answers = async function* ({ cursor }) {
    if (cursor !== "") throw refusal(Code.Aborted, "CURSOR_EXPIRED", "too old", {});
    if (asked.length > 1) throw refusal(Code.PermissionDenied, "PERMISSION_DENIED", "no more", {});
    yield message("a.5");
  };
  watch();
  expect(await cli.exit).toBe(4);
  expect(asked.map(({ cursor }) => cursor)).toEqual(["", "a.5", ""]);
  expect(cli.stderr()).toContain("what changed meanwhile is not shown");
});
