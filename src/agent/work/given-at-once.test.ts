import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../test/support/agent/agent-place.ts";
import { FakeJob, type FakeJobOptions } from "../../../test/support/agent/fake-job.ts";
import { describeWithTerraform } from "../../../test/support/terraform.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { RunningAgent } from "../agent.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
});
afterEach(() => place[Symbol.asyncDispose]());

const content = Buffer.from(
  '{"version":4,"terraform_version":"1.11.4","serial":1,"lineage":"l","outputs":{},"resources":[]}',
);
const main =
  'variable "who" {\n  default = "nobody"\n}\noutput "greeting" {\n  value = join(" ", ["hello", var.who])\n}\n';

async function planned(change: (job: FakeJob) => void, more: Partial<FakeJobOptions> = {}): Promise<FakeJob> {
  const job = new FakeJob({
    id: "job_plan",
    runId: "run_1",
    configuration: await place.pack({ "main.tf": main }),
    state: { content, lineage: "l", serial: 1 },
    variables: [{ key: "who", value: "sesame-sesame", sensitive: true }],
    ...more,
  });
  change(job);
  place.controlPlane.offer(job);
  return job;
}

const ended = (job: FakeJob) => eventually(() => job.result, "its result", 60_000);

describeWithTerraform("what a job is given", () => {
  let agent: RunningAgent;
  beforeEach(async () => {
    agent = place.start("a");
    await eventually(() => place.controlPlane.isConnected && place.controlPlane.hellos.length > 0, "connected");
  });

  test("is not asked for when it came with offer and grant, and is hidden as if it was", async () => {
    const job = await planned((one) => {
      one.isGivenAtOnce = true;
      one.offeredState = content;
    });
    expect(await ended(job), job.logText).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true });
    expect(place.controlPlane.asked).toEqual([]);
    expect(job.logText).toContain("hello (sensitive value)");
    expect(job.logText).not.toContain("sesame");
  });

  test("is asked for when it did not come", async () => {
    const job = await planned(() => {});
    expect(await ended(job), job.logText).toMatchObject({ outcome: JobOutcome.FINISHED });
    expect(place.controlPlane.asked.toSorted()).toEqual(["providers", "shared states", "state", "variables"]);
  });

  test("is downloaded when another state came than was announced", async () => {
    const job = await planned((one) => {
      one.isGivenAtOnce = true;
      one.offeredState = Buffer.from(content.toString().replace('"l"', '"m"'));
    });
    expect(await ended(job), job.logText).toMatchObject({ outcome: JobOutcome.FINISHED });
    expect(place.controlPlane.asked).toEqual(["state"]);
  });

  test("is asked for again by the next process of the agent, which hides the same", async () => {
    const job = await planned((one) => {
      one.isGivenAtOnce = true;
      one.offeredState = content;
      one.uploadsAreRefused = true;
    });
    await eventually(() => job.logText.includes("hello"), "its plan", 60_000);
    await agent[Symbol.asyncDispose]();
    job.uploadsAreRefused = false;
    place.start("a");
    expect(await ended(job), job.logText).toMatchObject({ outcome: JobOutcome.FINISHED });
    expect(place.controlPlane.asked).toContain("variables");
    expect(job.logText).not.toContain("sesame");
  });

  test("a step of which only the journal is left after a restart of the machine is lost, and its plan is given up", async () => {
    const job = await planned((one) => {
      one.uploadsAreRefused = true;
    });
    await eventually(() => job.logText.includes("hello"), "its plan", 60_000);
    await agent[Symbol.asyncDispose]();
    const directory = join(place.dir, "a", "jobs", "job_plan-1");
    await rm(join(directory, "steps"), { recursive: true });
    const journal = await readFile(join(directory, "journal"), "utf8");
    await writeFile(join(directory, "journal"), journal.replaceAll(/"boot":"[^"]*"/g, '"boot":"another"'));
    job.uploadsAreRefused = false;
    place.start("a");
    await eventually(async () => (await place.jobDirectories()).length === 0, "it is given up", 60_000);
    expect(job.result).toBeUndefined();
  });

  test("a step that has run and of which the journal says nothing is not run again", async () => {
    const job = await planned((one) => {
      one.uploadsAreRefused = true;
    });
    await eventually(() => job.logText.includes("hello"), "its plan", 60_000);
    await agent[Symbol.asyncDispose]();
    const path = join(place.dir, "a", "jobs", "job_plan-1", "journal");
    const lines = (await readFile(path, "utf8")).split("\n");
    await writeFile(
      path,
      `${lines
        .slice(
          0,
          lines.findIndex((line) => line.includes("step_started")),
        )
        .join("\n")}\n`,
    );
    const status = join(place.dir, "a", "jobs", "job_plan-1", "steps", "plan", "status");
    const before = await stat(status);
    job.uploadsAreRefused = false;
    place.start("a");
    await eventually(
      async () => (await readFile(path, "utf8").catch(() => "")).includes("step_ended"),
      "it is taken up",
    );
    expect((await stat(status)).ino).toBe(before.ino);
    expect(await ended(job), job.logText).toMatchObject({ outcome: JobOutcome.FINISHED, hasChanges: true });
  });
});
