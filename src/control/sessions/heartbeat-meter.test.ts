import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { FakeAgent } from "../../../test/support/fake-agent.ts";
import { until } from "../../../test/support/until.ts";
import { CloseReason } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { HeartbeatMeter } from "./heartbeat-meter.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

test("an agent may send what is expected of it for ever, and much more for a while", async () => {
  const { clock } = fixture;
  const meter = new HeartbeatMeter(clock, 10_000);
  for (let beat = 0; beat < 30; beat++) meter.count();
  expect(() => meter.count()).toThrow("too many heartbeats");
  for (let beat = 0; beat < 100; beat++) {
    await clock.advance(1_000);
    meter.count();
  }
  expect(() => meter.count()).toThrow("too many heartbeats");
});

test("a flood of heartbeats closes its stream, and no other one", async () => {
  const { control } = fixture;
  await using flood = await FakeAgent.connect(control, { kind: "server_agent" });
  await using calm = await FakeAgent.connect(control, { kind: "server_agent" }, {});
  for (let beat = 0; beat < 40; beat++) flood.send({ case: "heartbeat", value: {} });
  await until("the stream is closed", () => flood.isOver || undefined);
  expect(flood.failure).toBeUndefined();
  expect(await flood.next("close")).toMatchObject({ reason: CloseReason.FLOOD });
  calm.send({ case: "heartbeat", value: {} });
  await calm.next("heartbeatReply");
});
