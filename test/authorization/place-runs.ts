import type { Control } from "../../src/control/core/control.ts";
import { storePlanFiles } from "../../src/control/jobs/plan-files.ts";
import type { Job } from "../../src/domain/runs/job.ts";
import type { Run } from "../../src/domain/runs/run.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { newId, type RunId } from "../../src/lib/words/ids.ts";
import { hashToken } from "../../src/lib/words/tokens.ts";
import type { Queries } from "../../src/store/ports/store.ts";
import { sha256 } from "../support/control.ts";
import { uploadedFiles } from "../support/plan-files.ts";
import * as rows from "../support/store/rows.ts";

/** A run with its workspace, configuration and jobs. */
export interface RunScene {
  readonly run: Run;
  /** Inserts all of it; the run holds the workspace. */
  readonly insert: (tx: Queries) => Promise<void>;
}

interface Wanted {
  readonly status: "planning" | "planned" | "applying";
  readonly workspace: Workspace;
  readonly agent: { readonly id: `agent_${string}`; readonly name: string; readonly incarnation: string };
  /** Secret of the token of its running job; empty if none runs. */
  readonly jobToken: string;
}

/** Stores an object, and answers its key. */
export async function stored(control: Control, content: Uint8Array): Promise<string> {
  async function* bytes() {
    yield content;
  }
  return (await control.blobs.put(bytes(), { maxBytes: 100_000 })).key;
}

/** A run in a status, with what was stored for it. */
export async function runScene(control: Control, { status, workspace, agent, jobToken }: Wanted): Promise<RunScene> {
  const own = { organizationId: workspace.organizationId, workspaceId: workspace.id };
  const id: RunId = newId("run", systemRandom);
  const archive = await stored(control, Buffer.from("archive"));
  const configuration = rows.configuration({ ...own, id: newId("cv", systemRandom), blobKey: archive });
  const run = rows.run({
    ...{ ...own, id, configurationId: configuration.id, status },
    ...(status === "planning" ? {} : await planOf(control, id)),
  });
  const of = { ...own, runId: id, poolId: workspace.poolId };
  const ended: Partial<Job> = { status: "finished", endedAt: control.clock.now(), isLogClosed: true, logBytes: 0 };
  const running: Partial<Job> = {
    ...{ agentId: agent.id, agentName: agent.name, incarnation: agent.incarnation },
    ...{ tokenHash: hashToken(jobToken), startedAt: control.clock.now() },
  };
  const plan = { ...of, id: newId("job", systemRandom) };
  const apply = { ...of, id: newId("job", systemRandom), phase: "apply" as const };
  const jobs = [
    status === "planning" ? rows.claimedJob({ ...plan, ...running }) : rows.job({ ...plan, ...ended, epoch: 1 }),
    ...(status === "applying" ? [rows.claimedJob({ ...apply, ...running })] : []),
  ];
  return {
    run,
    insert: async (tx) => {
      await tx.workspaces.insert({ ...workspace, lock: { kind: "run", runId: id, at: control.clock.now() } });
      await tx.configurations.insert(configuration);
      await tx.runs.insert(run);
      for (const job of jobs) await tx.jobs.insert(job);
    },
  };
}

async function planOf(control: Control, id: RunId): Promise<Partial<Run>> {
  const sealed = (text: string, subject: string) => stored(control, control.vault.seal(Buffer.from(text), subject));
  return {
    ...{ hasChanges: true, plannedChanges: { add: 1, change: 0, destroy: 0, import: 0 } },
    ...{ planSha256: sha256("plan"), planBytes: 4, planBlobKey: await sealed("plan", `plan/${id}`) },
    summaryBlobKey: await sealed("{}", `plan-summary/${id}`),
    ...(await storePlanFiles(control, id, uploadedFiles(Buffer.from("files")))),
  };
}
