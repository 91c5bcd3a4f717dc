import { setTimeout as pause } from "node:timers/promises";
import { demand, seconds } from "../demand.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

/** How an agent gets in, how it shows that it is there, and how it leaves. */
export const registerScenarios: readonly Scenario[] = [
  {
    name: "register.protocol",
    level: "must",
    demands: "It registers with its agent token, says who it is, and that it speaks protocol 1.",
    play: async (stage) => {
      stage.start();
      const registrations = stage.plane.record.registrations;
      const { request } = await stage.until("the agent registers", () => registrations[0]);
      const { name, version, minimumProtocol, maximumProtocol } = request;
      demand(minimumProtocol <= 1 && maximumProtocol >= 1, `it speaks ${minimumProtocol} to ${maximumProtocol}`);
      await stage.connected();
      return `${name}, version ${version || "unnamed"}, protocol ${minimumProtocol} to ${maximumProtocol}`;
    },
  },
  {
    name: "session.hello",
    level: "must",
    demands: "Hello is the first message of each stream, and names the epoch of the last one.",
    play: async (stage) => {
      stage.start();
      const { order, stream } = await stage.connected();
      demand(stage.plane.record.firstOn(stream) === "hello", `it began with ${stage.plane.record.firstOn(stream)}`);
      const [first] = stage.plane.record.heard("hello");
      demand(first?.value.lastSessionEpoch === 0n, `the first hello names epoch ${first?.value.lastSessionEpoch}`);
      stage.plane.cut();
      const again = await stage.connected(order);
      const second = stage.plane.record.heard("hello", again.stream)[0]?.value;
      demand(second?.lastSessionEpoch === BigInt(stream), `the second hello names epoch ${second?.lastSessionEpoch}`);
      return `epoch 0, then ${stream}`;
    },
  },
  {
    name: "heartbeat.every",
    level: "must",
    demands: "It sends heartbeats at the interval that it is told, ± 20 %, and follows a new one.",
    play: beatsInTime,
  },
  {
    name: "register.protocol/tls",
    level: "should",
    demands: "It reaches an https address whose certificate the authorities of WINDLASS_CA_FILE vouch for.",
    isTls: true,
    play: async (stage) => {
      stage.start();
      await stage.connected();
      return "registered and welcomed over TLS";
    },
  },
  {
    name: "session.end/goodbye",
    level: "should",
    demands: "Told to end by SIGTERM while idle, it says goodbye and exits with 0.",
    play: async (stage) => {
      const agent = stage.start();
      await stage.connected();
      agent.signal("SIGTERM");
      const ending = await stage.end(agent, "after SIGTERM");
      demand(stage.plane.record.heard("goodbye").length === 1, `it ended with ${ending} and said no goodbye`);
      demand(ending === 0, `it said goodbye and ended with ${ending}`);
      return "goodbye, exit code 0";
    },
  },
];

/** Milliseconds between heartbeats, the mean of some. */
async function meanGap(stage: Stage, count: number): Promise<number> {
  const before = stage.plane.record.heard("heartbeat").length;
  const beats = () => stage.plane.record.heard("heartbeat").slice(before, before + count + 1);
  await stage.until(`${count + 1} more heartbeats`, () => beats().length > count);
  return ((beats().at(-1)?.atMs ?? 0) - (beats()[0]?.atMs ?? 0)) / count;
}

async function beatsInTime(stage: Stage): Promise<string> {
  stage.plane.manners.heartbeatMs = 1_000;
  stage.start();
  await stage.connected();
  const slow = await meanGap(stage, 5);
  demand(slow > 700 && slow < 1_600, `told 1 s, it waits ${seconds(slow)}`);
  stage.plane.manners.heartbeatMs = 250;
  await pause(1_300);
  const quick = await meanGap(stage, 5);
  demand(quick > 100 && quick < 600, `told 0.25 s, it waits ${seconds(quick)}`);
  return `told 1 s: ${seconds(slow)}; told 0.25 s: ${seconds(quick)}`;
}
