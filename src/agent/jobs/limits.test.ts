import { describe, expect, test } from "vitest";
import { JobPhase } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { ClaimKey } from "../contract/claim.ts";
import { JobLimits } from "./limits.ts";

const key = (n: number) => `job_${n}.1` as ClaimKey;

describe("an agent", () => {
  test.each([
    [undefined, [undefined, undefined]],
    ["plan", [undefined, "this agent takes no apply jobs"]],
    ["apply", ["this agent takes no plan jobs", undefined]],
  ] as const)("that accepts %s", (accepts, expected) => {
    const limits = new JobLimits(accepts === undefined ? {} : { accepts });
    expect([JobPhase.PLAN, JobPhase.APPLY].map((phase) => limits.whyNot(phase, []))).toEqual(expected);
  });

  test("takes any number of jobs unless it is told how many", () => {
    const limits = new JobLimits({});
    for (let n = 0; n < 100; n += 1) expect(limits.begin(key(n))).toBeUndefined();
    expect(limits.whyNot(JobPhase.PLAN, [])).toBeUndefined();
  });

  test("leaves once as many jobs as it takes have begun; those that were offered are promised already", () => {
    const limits = new JobLimits({ maxJobs: 2 });
    expect(limits.whyNot(JobPhase.PLAN, [key(1)])).toBeUndefined();
    expect(limits.whyNot(JobPhase.PLAN, [key(1), key(2)])).toBe("it takes 2 jobs");
    expect(limits.begin(key(1))).toBeUndefined();
    expect(limits.begin(key(1))).toBeUndefined();
    expect(limits.whyNot(JobPhase.PLAN, [key(1)])).toBeUndefined();
    expect(limits.begin(key(2))).toBe("it takes 2 jobs");
    expect(limits.whyNot(JobPhase.PLAN, [])).toBe("it takes 2 jobs");
  });
});
