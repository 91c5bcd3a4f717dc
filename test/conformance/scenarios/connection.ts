import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "../../../src/gen/google/rpc/error_details_pb.ts";
import { CloseReason } from "../../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { ownRefusal } from "../../support/agent/own-refusal.ts";
import { demand, seconds, stays } from "../demand.ts";
import { openRubbish } from "../rubbish.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";
import { demandLines, names } from "./look.ts";

const retryMs = 3_000;
const asksToWait = (code: Code) =>
  new ConnectError("come back later", code, undefined, [
    { desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay: durationFromMs(retryMs) }) },
  ]);

/** What an agent does when the server is away, stands still, refuses, sends it off, or is none. */
export const connectionScenarios: readonly Scenario[] = [
  {
    name: "hello.jobs",
    level: "must",
    demands: "While the server is away a job goes on; afterwards hello names it, and log and result come.",
    play: restarted,
  },
  {
    name: "session.end/silence",
    level: "must",
    demands: "A server that answers no heartbeats is left, within 30 s at a heartbeat of 0.3 s.",
    play: async (stage) => {
      stage.start();
      const { order, atMs } = await stage.connected();
      stage.plane.manners.isAnswering = false;
      const next = await stage.connected(order);
      stage.plane.manners.isAnswering = true;
      return `a new stream ${seconds(next.atMs - atMs)} after the last one`;
    },
  },
  {
    name: "session.end/no-welcome",
    level: "should",
    demands: "A server that does not answer hello is left within 45 s.",
    play: async (stage) => {
      stage.plane.manners.isWelcoming = false;
      stage.start();
      const { order, atMs } = await stage.connected();
      const next = await stage.connected(order, 45_000);
      stage.plane.manners.isWelcoming = true;
      return `a new stream ${seconds(next.atMs - atMs)} after the first one`;
    },
  },
  {
    name: "session.end/away",
    level: "must",
    demands: "A registration that is refused as UNAVAILABLE is tried again, a few times in ten seconds.",
    play: async (stage) => {
      stage.plane.manners.registerRefusal = new ConnectError("away", Code.Unavailable);
      stage.start();
      const count = () => stage.plane.record.registrations.length;
      await stage.until("the agent registers", () => count() > 0);
      await stage.stays("more than 20 tries came in ten seconds", 10_000, () => count() > 20);
      const tries = count();
      stage.plane.manners.registerRefusal = undefined;
      await stage.connected(0, 60_000);
      return `${tries} tries in ten seconds, and then it got in`;
    },
  },
  {
    name: "session.end/retry-info",
    level: "must",
    demands: "RetryInfo in a refused registration is waited for.",
    play: async (stage) => {
      stage.plane.manners.registerRefusal = asksToWait(Code.Unavailable);
      stage.start();
      const { registrations } = stage.plane.record;
      const first = await stage.until("the agent registers", () => registrations[0]);
      stage.plane.manners.registerRefusal = undefined;
      const second = await stage.until("it registers again", () => registrations[1], 60_000);
      return waited(second.atMs - first.atMs);
    },
  },
  {
    name: "session.end/exhausted",
    level: "must",
    demands: "RetryInfo in a refused session is waited for, also with RESOURCE_EXHAUSTED.",
    play: async (stage) => {
      stage.plane.manners.sessionRefusal = asksToWait(Code.ResourceExhausted);
      stage.start();
      const { streams, registrations } = stage.plane.record;
      const first = await stage.until("the agent opens a stream", () => streams[0]);
      stage.plane.manners.sessionRefusal = undefined;
      const later = () => [...registrations, ...streams].find(({ order }) => order > first.order);
      return waited((await stage.until("it comes again", later, 60_000)).atMs - first.atMs);
    },
  },
  {
    name: "session.end/reconnect",
    level: "must",
    demands: "Told to reconnect after 2 s, it comes back, and not sooner.",
    play: async (stage) => {
      stage.start();
      const { order } = await stage.connected();
      const { atMs } = stage.plane.record.now();
      const value = { after: durationFromMs(2_000), maxDelay: durationFromMs(500) };
      stage.plane.send({ case: "reconnect", value });
      const next = await stage.connected(order);
      demand(next.atMs - atMs >= 1_900, `it came back after ${seconds(next.atMs - atMs)}`);
      return `came back after ${seconds(next.atMs - atMs)}`;
    },
  },
  {
    name: "session.token",
    level: "must",
    demands: "A session that answers UNAUTHENTICATED makes it register again.",
    play: async (stage) => {
      stage.start();
      const { order } = await stage.connected();
      stage.plane.manners.endedSessions = stage.plane.record.registrations.length;
      stage.plane.cut();
      const { stream } = await stage.connected(order, 60_000);
      const refused = stage.plane.record.streams.filter(({ isRefused }) => isRefused).length;
      demand(!stage.plane.record.streams.some((one) => one.stream === stream && one.isRefused), "it has no stream");
      return refused > 0 ? "refused, registered again, welcomed" : "registered anew of its own accord";
    },
  },
  {
    name: "session.token/rejected",
    level: "must",
    demands: "An agent whose token is not accepted, and that holds no job, ends with another code than 0.",
    play: async (stage) => {
      stage.plane.manners.registerRefusal = ownRefusal("the token was revoked", Code.Unauthenticated);
      const ending = await stage.end(stage.start(), "its token was refused", 45_000);
      demand(stage.plane.record.registrations.length > 0, `it ended with ${ending}, and has not registered`);
      demand(ending !== 0, "it ended with 0, as if all was well");
      return `it ended with ${ending}`;
    },
  },
  {
    name: "session.end/superseded",
    level: "must",
    demands: "Closed as superseded, it does not come back of its own accord.",
    play: (stage) => closedAs(stage, CloseReason.SUPERSEDED),
  },
  {
    name: "session.end/protocol",
    level: "must",
    demands: "Closed because it broke the protocol, it does not come back soon.",
    play: (stage) => closedAs(stage, CloseReason.PROTOCOL),
  },
  {
    name: "session.end/flood",
    level: "must",
    demands: "Closed because it flooded the server, it does not come back soon.",
    play: (stage) => closedAs(stage, CloseReason.FLOOD),
  },
  {
    name: "session.end/deleted",
    level: "must",
    demands: "Closed because it was deleted, it does not come back; it may end.",
    play: (stage) => closedAs(stage, CloseReason.DELETED),
  },
  {
    name: "session.end/revoked",
    level: "must",
    demands: "Closed because its token was revoked, it lets its running job go on.",
    play: async (stage) => {
      const job = await stage.holding();
      stage.plane.manners.registerRefusal = ownRefusal("the token was revoked", Code.Unauthenticated);
      stage.plane.send({ case: "close", value: { reason: CloseReason.REVOKED, detail: "the token was revoked" } });
      stage.plane.endStream();
      const isEnded = async () => (await stage.engine.notes(job.id)).some((note) => /^(INT|TERM|ended)/.test(note));
      await stage.stays("terraform was ended", 3_000, isEnded);
      return "terraform runs on";
    },
  },
  {
    name: "session.end/unknown",
    level: "must",
    demands: "Closed for a reason that it does not know, it comes back.",
    play: async (stage) => {
      stage.start();
      const { order } = await stage.connected();
      stage.plane.send({ case: "close", value: { reason: 99 as CloseReason, detail: "for a reason of tomorrow" } });
      stage.plane.endStream();
      await stage.connected(order);
      return "came back";
    },
  },
  {
    name: "session.end/rubbish",
    level: "must",
    demands: "Web pages, broken HTTP/2 and broken protobuf are a server that is away: it tries again.",
    play: rubbish,
  },
];

function waited(ms: number): string {
  demand(ms >= retryMs - 100, `told to wait 3 s, it came after ${seconds(ms)}`);
  return `told to wait 3 s, it came after ${seconds(ms)}`;
}

async function restarted(stage: Stage): Promise<string> {
  const job = await stage.holding({ lines: 40 });
  const { order } = stage.plane.record.now();
  await stage.plane.server.stop();
  await stage.engine.open(job.id);
  const isEnded = async () => (await stage.engine.notes(job.id)).some((note) => note.startsWith("ended"));
  await stage.until("terraform ends while the server is away", isEnded);
  await stage.plane.server.start();
  const { stream } = await stage.connected(order, 60_000);
  const [hello] = stage.plane.record.heard("hello", stream);
  demand(hello !== undefined && names(hello.value.jobs, job), "its hello does not name the job");
  await stage.sealed(job);
  demandLines(job, 40);
  await stage.demandOnce(job);
  return "executed once, log and result came afterwards";
}

/** The agent is sent off for good, or for a minute; that it ends by itself is another way to stay away. */
async function closedAs(stage: Stage, reason: CloseReason): Promise<string> {
  const agent = stage.start();
  await stage.connected();
  const { registrations, streams } = stage.plane.record;
  const before = registrations.length + streams.length;
  stage.plane.send({ case: "close", value: { reason, detail: "as the check wants it" } });
  stage.plane.endStream();
  const isBack = () => registrations.length + streams.length > before;
  await stays("it came back within 6 s", 6_000, isBack);
  return agent.ending === undefined ? "stayed away for 6 s" : `it ended with ${agent.ending}`;
}

async function rubbish(stage: Stage): Promise<string> {
  const { port } = stage.plane.server;
  await stage.plane.server.stop();
  let calls = 0;
  for (const kind of ["page", "noise", "protobuf"] as const) {
    await using server = await openRubbish(kind, port);
    if (kind === "page") stage.start();
    await stage.until(`the agent calls a server that answers with ${kind}`, () => server.calls > 0, 60_000);
    await stage.stays(`it called 30 times in two seconds`, 2_000, () => server.calls > 30);
    calls += server.calls;
  }
  await stage.plane.server.start();
  await stage.connected(0, 60_000);
  return `${calls} calls answered with rubbish, and then it got in`;
}
