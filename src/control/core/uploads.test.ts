import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { takeJobPart } from "../jobs/uploads.ts";
import { advanceJob } from "../runs/advance.ts";
import { takePersonPart } from "../states/person-uploads.ts";
import { collectGarbage } from "../upkeep/gc.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { change } from "./change.ts";
import { jobOwner, personOwner, withUploaded } from "./uploads.ts";

const kib = 1024;

describe.each(testEngines)("objects that come in parts ($name)", (engine) => {
  let held: AsyncDisposableStack;
  let fixture: TestControl;
  let workspace: Workspace;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    const { rows } = await engine.urls(held);
    fixture = held.use(await openTestControl({ rows, hasLogs: true }));
    workspace = (await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("net"))).workspace;
  });
  afterEach(() => held.disposeAsync());

  /** A job that runs. */
  async function working(phase: Job["phase"] = "plan"): Promise<{ readonly job: Job; readonly who: Principal }> {
    const { control, clock } = fixture;
    const run = runRow(workspace, { status: phase === "plan" ? "planning" : "applying" });
    const job = jobRow(run, { phase, status: "started", epoch: 1, attempt: 1, startedAt: clock.now() });
    await control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.jobs.insert(job);
    });
    return { job, who: { kind: "job", jobId: job.id, epoch: 1 } };
  }

  const content = randomBytes(300 * kib + 7);
  const object = { sha256: sha256(content), bytes: content.length };
  const part = (offset: number, length: number) => ({
    ...object,
    offset,
    chunk: content.subarray(offset, offset + length),
  });
  const ask = { ...object, offset: 0, chunk: new Uint8Array() };
  const read = async (job: Job, what = object): Promise<Buffer> =>
    withUploaded(fixture.control, jobOwner(job.id), async (from) =>
      Buffer.concat(await Array.fromAsync(from({ ...what, what: "plan" }))),
    );
  const take = (who: Principal, one: Parameters<typeof takeJobPart>[2]) => takeJobPart(fixture.control, who, one);
  const blobs = () => Array.fromAsync(fixture.control.blobs.list());

  test("parts in any order, twice and overlapping, make the object that was announced; what came first counts", async () => {
    const { job, who } = await working();
    expect(await take(who, ask)).toBe(0);
    expect(await take(who, part(100 * kib, 64 * kib))).toBe(0);
    expect(await take(who, part(0, 64 * kib))).toBe(64 * kib);
    expect(await take(who, part(0, 64 * kib))).toBe(64 * kib);
    const other = { ...part(32 * kib, 100 * kib), chunk: Buffer.alloc(100 * kib, "x") };
    expect(await take(who, other)).toBe(64 * kib);
    expect(await take(who, part(64 * kib, 200 * kib))).toBe(164 * kib);
    expect(await take(who, part(164 * kib, 140 * kib - 4 * kib + 7))).toBe(object.bytes);
    expect(await take(who, ask)).toBe(object.bytes);
    expect(Buffer.compare(await read(job), content)).toBe(0);
  });

  test("the same part at once is stored once", async () => {
    const { who } = await working();
    const answers = await Promise.all([1, 2, 3, 4].map(() => take(who, part(0, 64 * kib))));
    expect(answers).toEqual([1, 2, 3, 4].map(() => 64 * kib));
    expect(await blobs()).toHaveLength(1);
  });

  test("what was used is forgotten, with its bytes; a part after that begins anew", async () => {
    const { job, who } = await working();
    await take(who, part(0, object.bytes));
    await read(job);
    expect(await blobs()).toEqual([]);
    expect(await take(who, ask)).toBe(0);
  });

  test("an object that is not whole is not given out, and what has come of it stays", async () => {
    const { job, who } = await working();
    await take(who, part(0, 64 * kib));
    await expect(read(job)).rejects.toMatchObject({ code: "storage_unavailable" });
    expect(await take(who, ask)).toBe(64 * kib);
  });

  test("content that is not what was announced is forgotten, so that it can be sent again", async () => {
    const { job, who } = await working();
    await take(who, { ...part(0, object.bytes), chunk: Buffer.alloc(object.bytes) });
    const { WindlassError } = await import("../../lib/words/errors.ts");
    const refused = withUploaded(fixture.control, jobOwner(job.id), async (from) => {
      for await (const _piece of from({ ...object, what: "plan" }));
      throw new WindlassError("checksum_mismatch", "it is another one");
    });
    await expect(refused).rejects.toMatchObject({ code: "checksum_mismatch" });
    expect(await take(who, ask)).toBe(0);
  });

  test.each([
    ["behind the end", { offset: object.bytes + 1, chunk: new Uint8Array() }],
    ["at 2^53 - 1", { offset: Number.MAX_SAFE_INTEGER, chunk: Buffer.alloc(64 * kib) }],
    ["over the end", { offset: 0, chunk: Buffer.alloc(object.bytes + 1) }],
    ["too small in the middle", { offset: 0, chunk: Buffer.alloc(32 * kib - 1) }],
  ])("a part %s is refused and stores nothing", async (_name, wrong) => {
    const { who } = await working();
    await expect(take(who, { ...object, ...wrong })).rejects.toMatchObject({ code: "validation" });
    expect(await blobs()).toEqual([]);
  });

  test("an object that is larger than its kind may be is refused before a byte of it is kept", async () => {
    const { who } = await working("apply");
    const bytes = fixture.control.limits.maxStateBytes + 1;
    await expect(take(who, { ...part(0, 64 * kib), bytes })).rejects.toMatchObject({ code: "upload_too_large" });
  });

  test("jobs do not find one another's objects", async () => {
    const [mine, other] = [await working(), await working()];
    await take(mine.who, part(0, object.bytes));
    expect(await take(other.who, ask)).toBe(0);
    await expect(read(other.job)).rejects.toMatchObject({ code: "storage_unavailable" });
  });

  test("a job may begin a thousand objects and keeps the newest ones alone", async () => {
    const { job, who } = await working();
    for (let count = 0; count < 30; count += 1)
      await take(who, { ...part(0, 64 * kib), sha256: sha256(`object ${count}`) });
    const begun = await fixture.control.store.read((q) => q.uploads.ofOwner(jobOwner(job.id)));
    expect(begun).toHaveLength(8);
    expect(begun.map((upload) => upload.sha256)).toContain(sha256("object 29"));
  });

  test("what a job has begun goes with its end, and an ended job begins nothing", async () => {
    const { job, who } = await working();
    await take(who, part(0, 64 * kib));
    await change(fixture.control, (tx, at) =>
      advanceJob(tx, at, {
        job,
        event: { kind: "ended", outcome: "errored", exitCode: 1, errorMessage: "x", logBytes: 0, stateSerial: null },
      }),
    );
    expect(await blobs()).toEqual([]);
    await expect(take(who, part(0, 64 * kib))).rejects.toMatchObject({ code: "job_epoch_stale" });
  });

  test("the garbage collection leaves an upload alone for a day, and takes it then", async () => {
    const { control, clock } = fixture;
    const { who } = await working();
    await take(who, part(0, 64 * kib));
    const collect = () => collectGarbage(control, { retention: control.retention, isDryRun: false });
    await clock.advance(23 * 3_600_000);
    await collect();
    expect(await take(who, ask)).toBe(64 * kib);
    await clock.advance(2 * 3_600_000);
    expect(await collect()).toContainEqual({ kind: "unfinished uploads", count: 1, bytes: 64 * kib });
    expect(await take(who, ask)).toBe(0);
  });

  test("people need what the upload itself needs, and find only what their own credential has sent", async () => {
    const { control, as } = fixture;
    const [ana, ben, reader] = [as("operator"), as("operator"), as("reader")];
    const of = (purpose: "configuration" | "state") => ({
      workspace: { organization: "", name: "net" },
      purpose,
      ...part(0, 64 * kib),
    });
    expect(await takePersonPart(control, ana, of("configuration"))).toBe(64 * kib);
    await expect(takePersonPart(control, reader, of("configuration"))).rejects.toMatchObject({
      code: "permission_denied",
    });
    await expect(takePersonPart(control, as("planner"), of("state"))).rejects.toMatchObject({
      code: "permission_denied",
    });
    const stranger = as("owner", fixture.sibling);
    await expect(takePersonPart(control, stranger, of("configuration"))).rejects.toMatchObject({ code: "not_found" });
    expect(await takePersonPart(control, ben, { ...of("configuration"), chunk: new Uint8Array() })).toBe(0);
    expect(await control.store.read((q) => q.uploads.ofOwner(personOwner(ana.id)))).toHaveLength(1);
  });

  test("the people of an organization together begin no more than it may", async () => {
    const { control, as } = fixture;
    const large = 256 * kib * kib;
    const begin = (count: number) =>
      takePersonPart(control, as("operator"), {
        ...{ workspace: { organization: "", name: "net" }, purpose: "state", offset: 0 },
        ...{ sha256: sha256(`${count}`), bytes: large, chunk: Buffer.alloc(64 * kib) },
      });
    for (let count = 0; count < 64; count += 1) await begin(count);
    await expect(begin(64)).rejects.toMatchObject({ code: "rate_limited" });
  });
});
