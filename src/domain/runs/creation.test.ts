import { describe, expect, test } from "vitest";
import { plainOptions } from "../../../test/support/rows.ts";
import { run } from "../../../test/support/store/rows.ts";
import { queuedJob } from "./creation.ts";

const queuedAt = new Date("2026-01-01T00:00:00Z");
const jobOf = (of: Parameters<typeof run>[0], phase: "plan" | "apply", epoch?: number) =>
  queuedJob(run({ ...of }), {
    ...{ id: "job_1", phase, poolId: null, queuedAt },
    before: epoch === undefined ? undefined : { epoch },
  });

describe("a new job", () => {
  test("of an apply goes before plans, and plans before those that are never applied", () => {
    const planOnly = { options: { ...plainOptions, isPlanOnly: true } };
    expect([jobOf({}, "apply"), jobOf({}, "plan"), jobOf(planOnly, "plan")].map(({ rank }) => rank)).toEqual([0, 1, 2]);
    expect(jobOf({ urgency: 2 }, "plan").urgency).toBe(2);
  });

  test("of an apply runs in the program that made the plan, of a plan in the version its run asks for", () => {
    const planned = {
      ...({ engine: "tofu", engineVersion: "1.10.0" } as const),
      options: { ...plainOptions, engineVersion: "~> 1.9" },
    };
    expect(jobOf(planned, "apply")).toMatchObject({ engine: "tofu", engineVersion: "1.10.0" });
    expect(jobOf(planned, "plan")).toMatchObject({ engine: null, engineVersion: "~> 1.9" });
  });

  test("goes on from the epoch of the one before it", () => {
    expect([jobOf({}, "apply").epoch, jobOf({}, "apply", 4).epoch]).toEqual([0, 4]);
  });
});
