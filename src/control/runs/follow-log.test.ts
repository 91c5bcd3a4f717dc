import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { until } from "../../../test/support/until.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Job } from "../../domain/runs/job.ts";
import { type Control, topics } from "../core/control.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { followLog, type LogPiece, logStreamOf } from "./logs.ts";

let fixture: TestControl;
let control: Control;
let looks: number;
let job: Job;

beforeEach(async () => {
  fixture = await openTestControl({ hasLogs: true });
  const { workspace } = await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("dns"));
  const run = runRow(workspace, { status: "planning" });
  job = jobRow(run, { status: "started", epoch: 1, attempt: 1 });
  await fixture.control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
  looks = 0;
  const { store } = fixture.control;
  const read: typeof store.read = (fn) => {
    looks += 1;
    return store.read(fn);
  };
  control = { ...fixture.control, store: { ...store, read } };
});
afterEach(() => fixture[Symbol.asyncDispose]());

const following = () =>
  followLog(control, fixture.as("reader"), {
    ...{ runId: job.runId, phase: "plan", offset: 0, follows: true },
    signal: new AbortController().signal,
  });

async function printed(offset: number, text: string, of: Pick<Job, "id" | "epoch"> = job): Promise<void> {
  await control.logs.append(logStreamOf(of), offset, Buffer.from(text));
  control.wake.notify(topics.log(job.id));
}

const textOf = ({ value }: IteratorResult<LogPiece>) => Buffer.from(value?.bytes ?? []).toString();

test("lines that come ask nothing about their job", async () => {
  const pieces = following();
  await printed(0, "one\n");
  expect(textOf(await pieces.next())).toBe("one\n");
  const before = looks;
  for (const [index, line] of ["two\n", "six\n"].entries()) {
    await printed(4 * (index + 1), line);
    expect(textOf(await pieces.next())).toBe(line);
  }
  expect(looks).toBe(before);
});

test("what happens to the job is heard at once, and found after a while if nothing told it", async () => {
  const pieces = following();
  await printed(0, "old\n");
  await pieces.next();
  const again = { ...job, epoch: 2, attempt: 2 };
  await fixture.control.store.write((tx) => tx.jobs.save(again));
  control.wake.notify(topics.run(job.runId));
  await printed(0, "new\n", again);
  const anew = await pieces.next();
  expect([textOf(anew), anew.value?.epoch]).toEqual(["new\n", 2]);
  await fixture.control.store.write((tx) => tx.jobs.save({ ...again, status: "errored", isLogClosed: true }));
  const last = pieces.next();
  await until("it waits for news", () => control.wake.waitedTopics > 0);
  await fixture.clock.advance(2_000);
  expect((await last).value).toMatchObject({ isEnd: true, offset: 4 });
});
