import { createHash } from "node:crypto";
import { change } from "../../src/control/core/change.ts";
import { topics } from "../../src/control/core/control.ts";
import { advanceJob, noFacts, type ResultFacts } from "../../src/control/runs/advance.ts";
import { logStreamOf } from "../../src/control/runs/logs.ts";
import type { NewSettings } from "../../src/control/workspaces/workspaces.ts";
import { createWorkspace } from "../../src/control/workspaces/workspaces.ts";
import { type Job, type JobEvent, type JobPhase, newestOf } from "../../src/domain/runs/job.ts";
import { plainConfiguration } from "../../src/domain/workspaces/configuration.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import { newId, type RunId } from "../../src/lib/words/ids.ts";
import { fromTfeId, toTfeId } from "../../src/tfe/core/ids.ts";
import type { AnyDocument, TestTfe } from "./tfe.ts";
import { newWorkspace } from "./wanted.ts";

/** What a test of runs works with: a workspace with a configuration, and an agent that does as it is told. */
export class TfeRuns {
  readonly tfe: TestTfe;
  readonly workspace: Workspace;

  private constructor(tfe: TestTfe, workspace: Workspace) {
    this.tfe = tfe;
    this.workspace = workspace;
  }

  static async open(tfe: TestTfe, settings: Partial<NewSettings> = {}, name = "net"): Promise<TfeRuns> {
    const { control, as } = tfe;
    const { workspace } = await createWorkspace(control, as("owner"), newWorkspace(name, settings));
    const runs = new TfeRuns(tfe, workspace);
    await runs.configuration();
    return runs;
  }

  /** Its id as clients know it. */
  get workspaceId(): string {
    return toTfeId(this.workspace.id);
  }

  /** Another configuration, uploaded already. */
  async configuration(over: { readonly isSpeculative?: boolean } = {}): Promise<string> {
    const { control, clock } = this.tfe;
    const { id: workspaceId, organizationId } = this.workspace;
    const id = newId("cv", control.random);
    const row = { id, organizationId, workspaceId, ...plainConfiguration, ...over };
    const facts = { blobKey: "00", bytes: 1, sha256: "00", fileCount: 1, createdBy: "ana", createdAt: clock.now() };
    await control.store.write((tx) => tx.configurations.insert({ ...row, ...facts }));
    return toTfeId(id);
  }

  /** The document of a new run, which is refused nothing. */
  async create(attributes: object = {}, configuration?: string, token?: string): Promise<AnyDocument> {
    await this.tfe.clock.advance(1_000);
    const answer = await this.tfe.call("POST", "/runs", this.wish(attributes, configuration), { token });
    if (answer.status !== 201) throw new Error(`${answer.status}: ${JSON.stringify(answer.document)}`);
    return answer.document.data;
  }

  wish(attributes: object = {}, configuration?: string): object {
    const relationships = {
      workspace: { data: { type: "workspaces", id: this.workspaceId } },
      ...(configuration === undefined
        ? {}
        : { "configuration-version": { data: { type: "configuration-versions", id: configuration } } }),
    };
    return { data: { type: "runs", attributes, relationships } };
  }

  async read(id: string, query = ""): Promise<AnyDocument> {
    return (await this.tfe.call("GET", `/runs/${id}${query}`)).document.data;
  }

  async job(id: string, phase: JobPhase): Promise<Job> {
    const jobs = await this.tfe.control.store.read((q) => q.jobs.ofRun(fromTfeId(id) as RunId));
    const job = newestOf(jobs, phase);
    if (job === undefined) throw new Error(`${id} has no ${phase}`);
    return job;
  }

  async #move(id: string, phase: JobPhase, event: JobEvent, facts: ResultFacts = noFacts): Promise<void> {
    const job = await this.job(id, phase);
    await change(this.tfe.control, (tx, at) => advanceJob(tx, at, { job, event, facts }));
  }

  /** An agent starts the phase. */
  async start(id: string, phase: JobPhase): Promise<void> {
    const agent = { agentId: newId("agent", this.tfe.control.random), agentName: "vm-1", tokenHash: `${id}/${phase}` };
    await this.#move(id, phase, { kind: "offered", ...agent });
    await this.#move(id, phase, { kind: "started", incarnation: "one" });
  }

  /** The agent writes to its log. */
  async say(id: string, phase: JobPhase, text: string): Promise<void> {
    const { logs, wake } = this.tfe.control;
    const job = await this.job(id, phase);
    const stream = logStreamOf(job);
    await logs.append(stream, await logs.nextOffset(stream), Buffer.from(text));
    wake.notify(topics.log(job.id));
  }

  /** The phase's agent is lost. */
  lose = (id: string, phase: JobPhase): Promise<void> => this.#move(id, phase, { kind: "lease_expired" });

  /** The phase ends well, with its log. */
  async finish(id: string, phase: JobPhase, counts = { add: 1, change: 0, destroy: 0, import: 0 }): Promise<void> {
    const { logs } = this.tfe.control;
    const stream = logStreamOf(await this.job(id, phase));
    const length = await logs.nextOffset(stream);
    const { bytes } = await logs.read(stream, 0, length);
    await logs.seal(stream, length, createHash("sha256").update(bytes).digest("hex"));
    const end = { exitCode: 0, errorMessage: "", logBytes: length, logProblem: null, stateSerial: null } as const;
    await this.#move(
      id,
      phase,
      { kind: "ended", outcome: "finished", ...end },
      { ...noFacts, hasChanges: true, counts },
    );
  }

  /** The phase fails, with what its log has. */
  async fail(id: string, phase: JobPhase): Promise<void> {
    const end = { exitCode: 1, errorMessage: "no", logBytes: 0, logProblem: null, stateSerial: null } as const;
    await this.#move(id, phase, { kind: "ended", outcome: "errored", ...end });
  }

  /** A run whose plan waits for a person, or is over. */
  async planned(attributes: object = {}): Promise<string> {
    const { id } = await this.create(attributes);
    await this.start(id, "plan");
    await this.finish(id, "plan");
    return id;
  }
}
