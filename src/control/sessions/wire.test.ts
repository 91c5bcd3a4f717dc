import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { keptHooks, withHooksOf } from "../../domain/runs/run-hook.ts";
import { JobResultSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { Report } from "../jobs/results.ts";
import { reportOf } from "./wire.ts";

const addresses = ({ resourcesInFlight }: Report) => resourcesInFlight.map(({ address }) => address);

test("the resources in flight of a result are bounded together, and the rest is counted", () => {
  const address = (n: number) => `aws_instance.${String(n).padStart(4, "0")}.${"x".repeat(4_000)}`;
  const resourcesInFlight = Array.from({ length: 1_000 }, (_, n) => address(n));
  const report = reportOf(create(JobResultSchema, { resourcesInFlight }));
  expect(addresses(report)).toEqual([...resourcesInFlight.slice(0, 16), "(and 984 more)"]);
  expect(addresses(report).join("").length).toBeLessThan(66_000);
  expect(addresses(reportOf(create(JobResultSchema, { resourcesInFlight: ["a.b"] })))).toEqual(["a.b"]);
  const inFlight = resourcesInFlight.map((id) => ({ address: "a.b", action: "create", idKey: "id", id }));
  expect(addresses(reportOf(create(JobResultSchema, { inFlight }))).at(-1)).toBe("(and 984 more)");
});

test("the error of a result is text alone, on one line", () => {
  const errorMessage = "failed\u001b]0;PWNED\u0007\u001b[2J\r\n::error::FAKE \u202eevil\u009b31m";
  expect(reportOf(create(JobResultSchema, { errorMessage })).errorMessage).toBe(
    "failed ]0;PWNED [2J ::error::FAKE evil 31m",
  );
});

test("what hooks say is text alone, and bounded together", () => {
  const summary = Buffer.concat([
    Buffer.from("# Cost\r\n\u001b[2J<b>"),
    Buffer.alloc(40_000, "x"),
    Buffer.from([0xff]),
  ]);
  const told = { name: "post-plan.d/cost\n", sha256: "a".repeat(64), exitCode: 10, summary };
  const { hooks } = reportOf(create(JobResultSchema, { hooks: [told, { ...told, name: "job-exit.d/1" }] }));
  expect(hooks[0]).toMatchObject({ name: "post-plan.d/cost ", sha256: "a".repeat(64), exitCode: 10 });
  expect(hooks[0]?.summary).toMatch(/^# Cost\n \[2J<b>x{40000}\ufffd$/);
  const kept = keptHooks(hooks.map((hook) => ({ phase: "plan" as const, ...hook })));
  expect(kept.reduce((sum, one) => sum + one.summary.length, 0)).toBe(64 * 1024);
  expect(withHooksOf(kept, "plan", [])).toBe(null);
  expect(withHooksOf(kept, "apply", kept.slice(0, 1))).toHaveLength(3);
});
