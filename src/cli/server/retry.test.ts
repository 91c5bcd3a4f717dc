import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { systemRandom } from "../../lib/random.ts";
import { retryReads } from "./retry.ts";

const slept: number[] = [];
const clock = {
  now: () => new Date(0),
  monotonicMs: () => 0,
  sleep: async (ms: number) => void slept.push(ms),
};

function clientOf(failures: number, code: Code) {
  let calls = 0;
  const answer = () => {
    calls += 1;
    if (calls <= failures) throw new ConnectError("no", code);
    return { run: { id: "run_1" } };
  };
  const inner = createRouterTransport(
    ({ service }) => void service(RunService, { getRun: answer, createRun: answer, confirmRun: answer }),
  );
  const transport = retryReads(inner, { clock, random: { ...systemRandom, fraction: () => 1 } });
  return { client: createClient(RunService, transport), calls: () => calls };
}

describe("an unary call is repeated", () => {
  test("if it only reads and the server was unavailable, three times at most, more slowly each time", async () => {
    slept.length = 0;
    const { client, calls } = clientOf(3, Code.Unavailable);
    await client.getRun({ runId: "r" });
    expect(calls()).toBe(4);
    expect(slept).toEqual([600, 1000, 1800]);
    await expect(clientOf(4, Code.Unavailable).client.getRun({ runId: "r" })).rejects.toThrow("no");
  });

  test("if it carries a request id", async () => {
    const { client, calls } = clientOf(1, Code.Unavailable);
    await client.createRun({ requestId: "5c9a0a7f-7f6d-4f0e-9a55-0b6b8f2f3c11" });
    expect(calls()).toBe(2);
  });

  test("and never otherwise", async () => {
    await expect(clientOf(1, Code.Unavailable).client.confirmRun({ runId: "r" })).rejects.toThrow("no");
    await expect(clientOf(1, Code.Unavailable).client.createRun({})).rejects.toThrow("no");
    await expect(clientOf(1, Code.Internal).client.getRun({ runId: "r" })).rejects.toThrow("no");
  });
});
