import { describe, expect, test } from "vitest";
import { hasPostgres } from "../postgres.ts";
import { runBatch } from "./schedule.ts";

describe.skipIf(!hasPostgres)("three servers behind a balancer, on one PostgreSQL", { timeout: 600_000 }, () => {
  /** It has nearly every kind of fault: of servers, agents, links on either side, back ends and the whole database. */
  test("keep every promise under a random schedule", async () => {
    const { violations, evidence } = await runBatch({ seed: 384, runs: 6, replicas: 3 });
    expect(violations, evidence).toEqual([]);
  });
});
