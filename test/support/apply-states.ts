import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { newClaim } from "../../src/agent/contract/claim.ts";
import { Freshness } from "../../src/agent/contract/freshness.ts";
import { makePrivateDirectory } from "../../src/agent/disk/durable-files.ts";
import { jobFilesAt, makeJobDirectories } from "../../src/agent/jobs/files.ts";
import { AgentJob } from "../../src/agent/jobs/job.ts";
import { Journal } from "../../src/agent/jobs/journal.ts";
import type { StateToUpload } from "../../src/agent/transfers/artifacts.ts";
import type { Execution } from "../../src/agent/work/execution.ts";
import type { StepEnd } from "../../src/agent/work/job-steps.ts";
import type { JobContext } from "../../src/agent/work/services.ts";
import { StateDelivery } from "../../src/agent/work/states/deliver-state.ts";
import {
  type SettledState,
  settleState,
  tellStateProblems,
  watchState,
} from "../../src/agent/work/states/settle-state.ts";
import { readSealed } from "../../src/control/core/sealed-blobs.ts";
import { storeState } from "../../src/control/jobs/states.ts";
import type { Job } from "../../src/domain/runs/job.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import { JobSpecSchema, StateInfoSchema } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import { silentLog } from "../../src/lib/program/log.ts";
import { systemRandom } from "../../src/lib/random.ts";
import type { StateWatcher } from "../../src/terraform/state/watcher.ts";
import { sha256, type TestControl } from "./control.ts";
import { jobRow, runRow } from "./rows.ts";

/** What becomes of an upload: it may be stored although its sender does not hear of it, at once or after everything else. */
export type UploadFate = "arrives" | "is refused" | "arrives unheard" | "arrives late";

/** A process of the agent. */
interface Life {
  readonly journal: Journal;
  readonly job: AgentJob;
  readonly context: JobContext;
  readonly delivery: StateDelivery;
  readonly watcher: StateWatcher;
  readonly stopping: AbortController;
}

export interface Ended {
  readonly settled: SettledState;
  /** For the run; undefined when all is well. */
  readonly message: string | undefined;
  /** The job's directory is kept for what nobody else has. */
  readonly isKept: boolean;
}

/**
 * The states of one apply: a file that somebody writes, the agent's own code that follows and delivers it, and the control
 * plane's own code that takes what comes. Only the way between them is made up.
 */
export class ApplyStates implements AsyncDisposable {
  readonly #fixture: TestControl;
  readonly #dir: string;
  readonly #workspace: Workspace;
  readonly #row: Job;
  readonly #given: string | undefined;
  /** Of the next uploads. */
  readonly fates: UploadFate[] = [];
  readonly #late: StateToUpload[] = [];
  #life: Life | undefined;

  private constructor(
    fixture: TestControl,
    dir: string,
    place: { workspace: Workspace; row: Job; given: string | undefined },
  ) {
    this.#fixture = fixture;
    this.#dir = dir;
    this.#workspace = place.workspace;
    this.#row = place.row;
    this.#given = place.given;
  }

  /** An apply that was just granted, in a workspace with or without a state. */
  static async begin(
    fixture: TestControl,
    dir: string,
    of: { workspace: Workspace; given: string | undefined },
  ): Promise<ApplyStates> {
    if (of.given !== undefined) await store(fixture, await applying(fixture, of.workspace), uploadOf(of.given));
    const states = new ApplyStates(fixture, dir, { ...of, row: await applying(fixture, of.workspace) });
    const files = jobFilesAt(dir);
    await makeJobDirectories(files);
    for (const name of ["config", "state"]) await makePrivateDirectory(join(files.work, name));
    if (of.given !== undefined) await states.write(of.given);
    await states.#start();
    return states;
  }

  get #file(): string {
    return jobFilesAt(this.#dir).stateFile;
  }

  get #now(): Life {
    if (this.#life === undefined) throw new Error("the agent does not run");
    return this.#life;
  }

  /** SHA-256 of the newest snapshot. */
  get latest(): string | undefined {
    return this.#now.watcher.latest?.sha256;
  }

  /** Terraform writes its state, or somebody takes it away. */
  async write(text: string | undefined): Promise<void> {
    if (text === undefined) await rm(this.#file, { force: true });
    else await writeFile(this.#file, text);
  }

  /** Time for an upload. */
  async pass(): Promise<void> {
    await this.#fixture.clock.advance(2_500);
  }

  /** The agent is killed and started again. */
  async restart(): Promise<void> {
    await this.#kill();
    await this.#start();
  }

  /** Terraform has ended; then everything that was late arrives. */
  async end(end: StepEnd): Promise<Ended> {
    const { job, context, delivery, watcher, journal } = this.#now;
    const steps = { outputPath: (name: string) => join(job.files.raw, `${name}.out`) } as unknown as Execution["steps"];
    const execution = { job, context, steps };
    const settled = await this.#inTime(settleState(execution, { end, watcher, delivery }));
    const progress = { counts: { added: 0, changed: 0, destroyed: 0, imported: 0, forgotten: 0, errored: 0 } };
    const message = await tellStateProblems(execution, { end, progress, settled });
    for (const state of this.#late.splice(0)) await store(this.#fixture, this.#row, state);
    return { settled, message, isKept: journal.has("state_undelivered") };
  }

  /** The workspace's state, as terraform wrote it. */
  async current(): Promise<string | undefined> {
    const { control } = this.#fixture;
    const state = await control.store.read(async (q) => {
      const id = (await q.workspaces.get(this.#workspace.id))?.currentStateId;
      return id == null ? undefined : q.states.get(id);
    });
    if (state === undefined) return undefined;
    return Buffer.concat(await Array.fromAsync(readSealed(control, state.blobKey, `state/${state.id}`))).toString(
      "utf8",
    );
  }

  /** SHA-256 of what is aside. */
  async aside(): Promise<readonly string[]> {
    const page = { before: null, limit: 100 };
    const { store } = this.#fixture.control;
    return (await store.read((q) => q.states.list(this.#workspace.id, { isQuarantined: true }, page))).map(
      (state) => state.sha256,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const { clock } = this.#fixture;
    const files = jobFilesAt(this.#dir);
    const stopping = new AbortController();
    const journal = await Journal.open(files.journal, () => clock.now());
    const job = new AgentJob({
      ...{ key: "job_1-1", claim: newClaim("job_1", 1n), files, journal, clock, isRestored: false, incarnation: "i" },
      stored: { job: this.#spec(), clusterGeneration: "g" },
      freshness: new Freshness(clock, () => {}),
      onChange: () => {},
    });
    // What the delivery uses of an agent.
    const context = {
      ...{ clock, random: systemRandom, log: silentLog(), stopping: stopping.signal },
      artifacts: () => ({}),
      uploads: { state: (_by: unknown, state: StateToUpload) => this.#upload(state) },
    } as unknown as JobContext;
    const delivery = new StateDelivery(job, context, async (snapshot) => watcher.acknowledge(snapshot));
    const place = { directory: join(files.work, "config") } as unknown as Execution["place"];
    const ready = { isStateOutside: true } as unknown as Execution["ready"];
    const watcher = await watchState({ job, context, place, ready }, { delivery, given: givenOf(this.#given) });
    this.#life = { journal, job, context, delivery, watcher, stopping };
  }

  #spec() {
    const given = this.#given === undefined ? undefined : uploadOf(this.#given);
    if (given === undefined) return create(JobSpecSchema, {});
    const info = {
      ...given,
      serial: BigInt(given.serial),
      sizeBytes: BigInt(given.bytes.length),
      sha256: sha256(given.bytes),
    };
    return create(JobSpecSchema, { state: create(StateInfoSchema, info) });
  }

  async #kill(): Promise<void> {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    life.stopping.abort();
    await life.delivery[Symbol.asyncDispose]();
    await life.watcher[Symbol.asyncDispose]();
    await life.journal[Symbol.asyncDispose]();
  }

  async #upload(state: StateToUpload) {
    const fate = this.fates.shift() ?? "arrives";
    if (fate === "arrives late") this.#late.push(state);
    const stored =
      fate === "arrives" || fate === "arrives unheard" ? await store(this.#fixture, this.#row, state) : undefined;
    if (fate !== "arrives" || stored === undefined)
      throw new ConnectError("the connection was reset", Code.Unavailable);
    const { status, quarantineReason } = stored;
    return { quarantined: status === "quarantined", quarantineReason };
  }

  /** Retries sleep: time goes on until they are through. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => {});
    while (!isDone) await this.#fixture.clock.advance(5_000);
    return done;
  }
}

/** The apply of a new run that holds the workspace. */
async function applying({ control, clock }: TestControl, workspace: Workspace): Promise<Job> {
  const run = runRow(workspace, { status: "applying" });
  const job = jobRow(run, { phase: "apply", status: "started", epoch: 1, startedAt: clock.now() });
  await control.store.write(async (tx) => {
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
    const row = (await tx.workspaces.get(workspace.id)) ?? workspace;
    await tx.workspaces.save({ ...row, lock: { kind: "run", runId: run.id, at: clock.now() } });
  });
  return job;
}

function uploadOf(text: string): StateToUpload {
  const { lineage, serial } = JSON.parse(text);
  return { bytes: Buffer.from(text), lineage, serial, sequence: 1, isFinal: true, asideReason: "" };
}

const store = ({ control }: TestControl, { id, epoch }: Job, { asideReason, ...state }: StateToUpload) =>
  storeState(
    control,
    { kind: "job", jobId: id, epoch },
    { ...state, sha256: sha256(state.bytes), asideReason: asideReason === "" ? undefined : asideReason },
  );

function givenOf(text: string | undefined) {
  if (text === undefined) return undefined;
  const { lineage, serial, bytes } = uploadOf(text);
  return { lineage, serial, sha256: sha256(bytes) };
}
