import { describe, expect, test, vi } from "vitest";
import { AgentGatewayService } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { nameOf } from "../../src/rpc/bodies/admission.ts";
import { ours, useBench } from "./bench.ts";
import { brokenRequests } from "./broken-requests.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const bench = useBench();

/**
 * A session goes on: it tells by name what it refuses, and closes over a bad hello
 * (`test/clients/agent-contract.test.ts`).
 */
const calls = ours.filter(({ method }) => method !== AgentGatewayService.method.session);

describe("a request that breaks a rule of the proto files is refused, and the field is named", () => {
  test.each(calls.map((row) => [nameOf(row.method), row] as const))("%s", async (_name, row) => {
    const wrong: string[] = [];
    for (const { path, rule, request } of brokenRequests(row.method.input, bench.goodRequest(row))) {
      const refusal = await bench.refusalOf(row, request);
      const named = refusal.replace(/^VALIDATION of /, "").split(", ");
      if (!refusal.startsWith("VALIDATION of ") || !named.includes(path)) wrong.push(`${path} (${rule}): ${refusal}`);
    }
    expect(wrong).toEqual([]);
  });

  test("there are many", () => {
    const all = ours.flatMap((row) => brokenRequests(row.method.input, bench.goodRequest(row)));
    expect(all.length).toBeGreaterThan(250);
  });
});
