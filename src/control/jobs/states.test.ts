import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { openTestControl, sha256, type TestControl } from "../../../test/support/control.ts";
import { jobRow, runRow } from "../../../test/support/rows.ts";
import { newWorkspace } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { appendLog } from "../runs/logs.ts";
import { resolveRun } from "../runs/resolution.ts";
import { adoptState } from "../states/quarantine.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { type Report, takeReport } from "./results.ts";
import { storeState, type UploadedState } from "./states.ts";

type Word = Pick<UploadedState, "sequence" | "isFinal" | "asideReason">;

describe.each(testEngines)("the states of an apply ($name)", (engine) => {
  const agentId = newId("agent", systemRandom);
  let held: AsyncDisposableStack;
  let fixture: TestControl;
  let workspace: Workspace;
  let job: Job;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    const { rows } = await engine.urls(held);
    fixture = held.use(await openTestControl({ rows, hasLogs: true }));
    workspace = (await createWorkspace(fixture.control, fixture.as("owner"), newWorkspace("net"))).workspace;
    job = await applying();
  });
  afterEach(() => held.disposeAsync());

  /** The apply of a new run, which holds the workspace. */
  async function applying(status: Job["status"] = "started"): Promise<Job> {
    const { control, clock } = fixture;
    const run = runRow(workspace, { status: status === "started" ? "applying" : "errored" });
    const apply = jobRow(run, { phase: "apply", status, epoch: 1, agentId, startedAt: clock.now() });
    await control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.jobs.insert(apply);
      const row = (await tx.workspaces.get(workspace.id)) ?? workspace;
      await tx.workspaces.save({ ...row, lock: { kind: "run", runId: run.id, at: clock.now() } });
    });
    return apply;
  }

  const bytesOf = (serial: number, note: string, lineage = "l") =>
    Buffer.from(JSON.stringify({ version: 4, serial, lineage, note, outputs: {}, resources: [] }));

  function upload(serial: number, note: string, word: Word = {}, by = job): Promise<StateVersion> {
    const who: Principal = { kind: "job", jobId: by.id, epoch: by.epoch };
    const bytes = bytesOf(serial, note);
    return storeState(fixture.control, who, { bytes, lineage: "l", serial, sha256: sha256(bytes), ...word });
  }

  const current = async (): Promise<StateVersion | undefined> => {
    const { store } = fixture.control;
    const row = await store.read((q) => q.workspaces.get(workspace.id));
    const id = row?.currentStateId;
    return id == null ? undefined : store.read((q) => q.states.get(id));
  };
  const listed = (isQuarantined: boolean) =>
    fixture.control.store.read((q) => q.states.list(workspace.id, { isQuarantined }, { before: null, limit: 100 }));

  function report(serial: number, stateSha256: string, log: Uint8Array = Buffer.alloc(0)) {
    const said: Report = {
      ...{ outcome: "finished", exitCode: 0, errorMessage: "", hasChanges: false },
      ...{ logBytes: log.length, logSha256: sha256(log), isLogLost: false },
      ...{ counts: { add: 0, change: 0, destroy: 0, import: 0 }, planSha256: "", resourcesInFlight: [], lost: null },
      ...{ stateSerial: serial, stateSha256, hasNotApplied: false, deniedBy: "", hooks: [] },
      ...{ engine: null, engineVersion: "" },
    };
    return takeReport(fixture.control, { jobId: job.id, epoch: 1, agentId }, said);
  }

  test("the same serial with another content replaces what came on the way", async () => {
    await upload(3, "before", { sequence: 1, isFinal: true });
    job = await applying();
    await upload(4, "on the way", { sequence: 1 });
    const last = await upload(4, "last", { sequence: 2, isFinal: true });
    expect(await current()).toMatchObject({ id: last.id, status: "current", baseSerial: 3 });
    expect((await listed(false)).map(({ status }) => status)).toEqual(["current", "superseded", "superseded"]);
    expect(await listed(true)).toEqual([]);
  });

  test("the last word may be, byte for byte, what the job began with", async () => {
    const before = await upload(3, "before", { sequence: 1, isFinal: true });
    job = await applying();
    await upload(4, "on the way", { sequence: 1 });
    const last = await upload(3, "before", { sequence: 2, isFinal: true });
    expect(last).toMatchObject({ sha256: before.sha256, status: "current", jobId: job.id });
    expect((await current())?.id).toBe(last.id);
    job = await applying();
    expect(await upload(4, "the next run", { sequence: 1, isFinal: true })).toMatchObject({ status: "current" });
  });

  test("a last word that is sent again while it is being stored is one", async () => {
    await upload(4, "on the way", { sequence: 1 });
    const again = () => upload(5, "last", { sequence: 2, isFinal: true });
    const [last, same] = await Promise.all([again(), again()]);
    expect(same).toEqual(last);
    expect(last).toMatchObject({ status: "current", isFinal: true });
    expect(await listed(true)).toEqual([]);
  });

  test("the last word counts whatever the order in which they come, doubled or not", async () => {
    const words = [
      { serial: 4, note: "a", sequence: 1, isFinal: false },
      { serial: 4, note: "b", sequence: 2, isFinal: false },
      { serial: 5, note: "c", sequence: 3, isFinal: false },
      { serial: 4, note: "a", sequence: 4, isFinal: false },
      { serial: 3, note: "before", sequence: 5, isFinal: true },
    ];
    const arrivals = fc
      .tuple(fc.shuffledSubarray(words, { minLength: 1 }), fc.array(fc.constantFrom(...words), { maxLength: 3 }))
      .map(([some, again]) => [...some, ...again]);
    await fc.assert(
      fc.asyncProperty(arrivals, async (order) => {
        workspace = (
          await createWorkspace(
            fixture.control,
            fixture.as("owner"),
            newWorkspace(`net-${newId("ws", systemRandom).slice(3, 20)}`),
          )
        ).workspace;
        job = await applying();
        await upload(3, "before", { sequence: 1, isFinal: true });
        job = await applying();
        for (const { serial, note, ...word } of order) await upload(serial, note, word);
        const last = order.toSorted((a, b) => a.sequence - b.sequence).at(-1);
        expect(await current()).toMatchObject({ jobSequence: last?.sequence, isFinal: last?.isFinal, jobId: job.id });
        expect((await listed(false))[0]?.status).toBe("current");
        expect(await listed(true)).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });

  test("a state that its agent brings aside is kept aside once, with its reason", async () => {
    await upload(4, "good", { sequence: 1, isFinal: true });
    const reason = "its serial 2 is lower than 3, that of the state before it";
    const aside = await upload(2, "older", { asideReason: reason });
    expect(aside).toMatchObject({ status: "quarantined", quarantineReason: reason });
    expect((await upload(2, "older", { asideReason: reason })).id).toBe(aside.id);
    expect(await listed(true)).toHaveLength(1);
    expect(await report(4, (await current())?.sha256 ?? "")).toEqual({ kind: "sealed", logProblem: null });
  });

  test("a result waits for exactly the content that it names", async () => {
    await upload(4, "on the way", { sequence: 1 });
    const last = sha256(bytesOf(4, "last"));
    expect(await report(4, last)).toEqual({ kind: "needs_state" });
    await upload(4, "last", { sequence: 2, isFinal: true });
    expect(await report(4, last)).toEqual({ kind: "sealed", logProblem: null });
  });

  test("a result that waits for its state has ended nothing: its log goes on", async () => {
    const last = sha256(bytesOf(4, "last"));
    expect(await report(4, last)).toEqual({ kind: "needs_state" });
    const chunk = Buffer.from("more of the log");
    expect(await appendLog(fixture.control, job, { offset: 0, chunk })).toMatchObject({ kind: "appended" });
    await upload(4, "last", { sequence: 1, isFinal: true });
    expect(await report(4, last, chunk)).toEqual({ kind: "sealed", logProblem: null });
    expect(await appendLog(fixture.control, job, { offset: chunk.length, chunk })).toMatchObject({ kind: "sealed" });
  });

  test("an earlier snapshot with the content of the last word is not the last word", async () => {
    await upload(4, "returns", { sequence: 1 });
    await upload(5, "between", { sequence: 2 });
    const last = sha256(bytesOf(4, "returns"));
    expect(await report(4, last)).toEqual({ kind: "needs_state" });
    await upload(4, "returns", { sequence: 3, isFinal: true });
    expect(await report(4, last)).toEqual({ kind: "sealed", logProblem: null });
    expect(await current()).toMatchObject({ serial: 4, jobSequence: 3 });
  });

  test("a result of an agent that knows only serials waits for the serial", async () => {
    expect(await report(4, "")).toEqual({ kind: "needs_state" });
    await upload(4, "last");
    expect(await report(4, "")).toEqual({ kind: "sealed", logProblem: null });
  });

  test("a last word that was adopted under another serial meanwhile is here", async () => {
    const { control, as } = fixture;
    await upload(4, "before", { sequence: 1, isFinal: true });
    job = await applying("interrupted");
    await resolveRun(control, as("operator"), { id: job.runId, resolution: "unlock", comment: "" });
    const aside = await upload(4, "late", { sequence: 1, isFinal: true });
    expect(aside.status).toBe("quarantined");
    const { state } = await adoptState(control, as("operator"), { id: aside.id, isForced: false });
    expect(state).toMatchObject({ serial: 5, status: "current" });
    expect(await report(4, aside.sha256)).toEqual({ kind: "sealed", logProblem: null });
  });

  test("another job's state of the same serial is never replaced by a job that lost the workspace", async () => {
    const lost = job;
    await upload(4, "on the way", { sequence: 1 });
    job = await applying();
    const theirs = await upload(5, "theirs", { sequence: 1, isFinal: true });
    const late = await upload(5, "ours", { sequence: 2, isFinal: true }, lost);
    expect(late).toMatchObject({ status: "quarantined", quarantineReason: "its run no longer holds the workspace" });
    expect((await current())?.id).toBe(theirs.id);
  });

  test("agents that do not count are judged by serial: the same one with another content is put aside", async () => {
    await upload(4, "first");
    expect(await upload(4, "other")).toMatchObject({ status: "quarantined" });
    expect(await upload(5, "next")).toMatchObject({ status: "current" });
    expect(await upload(4, "late")).toMatchObject({ status: "quarantined" });
  });
});
