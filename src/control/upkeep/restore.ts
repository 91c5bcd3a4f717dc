import { epochJump, fenceJob, fenceRun, type Restoration } from "../../domain/runs/restoration.ts";
import { isFinal, type Run } from "../../domain/runs/run.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { hashToken, mintToken } from "../../lib/words/tokens.ts";
import type { Queries, Store } from "../../store/ports/store.ts";
import { record } from "../core/audit.ts";
import { generationKey } from "../people/system.ts";
import { objectsOwnerKey } from "./objects-owner.ts";
import { servedPlaceKey } from "./served-place.ts";

/** Where the database keeps when it was last restored, and from a backup of when. */
const restoredKey = "restored";

export interface RestoreParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
}

/** What was put to rest. */
export interface RestoreCounts {
  readonly generation: string;
  /** Runs that had not ended when the backup was made. */
  readonly runs: number;
  /** Those of them whose workspace stays locked until a person decides. */
  readonly locked: number;
  readonly agents: number;
}

const pageRows = 500;

/**
 * Makes a copied database safe to serve: nothing that was granted before counts any more. It gets another generation, every
 * run that had not ended ends, sessions and job tokens are void, and their epochs jump. One transaction: all or nothing.
 */
export function fenceDatabase({ store, clock, random }: RestoreParts, backupAt: Date): Promise<RestoreCounts> {
  return store.write(async (tx) => {
    const at: Restoration = { now: clock.now(), backupAt };
    const generation = random.uuid();
    await tx.meta.set(generationKey, generation);
    await tx.meta.set(servedPlaceKey, "");
    // The server of the backup may still use the objects: a person says when it no longer does.
    await tx.meta.set(objectsOwnerKey, "");
    await tx.meta.set(restoredKey, JSON.stringify({ at: at.now, backupAt }));
    const fenced = await fenceRuns(tx, at);
    const agents = await endSessions(tx, random);
    await endBrowserSessions(tx);
    await forgetReplicas(tx);
    const counts = { generation, ...fenced, agents };
    await record(tx, "system", {
      action: "server.restore",
      resource: generation,
      organizationId: null,
      detail: {
        backup_at: backupAt.toISOString(),
        runs: String(counts.runs),
        locked: String(counts.locked),
        agents: String(agents),
      },
      at: at.now,
    });
    return counts;
  });
}

async function fenceRuns(tx: Queries, at: Restoration): Promise<{ readonly runs: number; readonly locked: number }> {
  let runs = 0;
  let locked = 0;
  for (let after: string | null = null; ; ) {
    const page = await tx.upkeep.activeRuns({ after, limit: pageRows });
    for (const run of page) {
      const workspace = await tx.workspaces.get(run.workspaceId);
      const holds = workspace?.lock?.kind === "run" && workspace.lock.runId === run.id;
      await endRun(tx, fenceRun(run, holds, at), at);
      for (const job of await tx.jobs.ofRun(run.id)) await tx.jobs.save(fenceJob(job, at));
      if (!isFinal(run.status)) runs += 1;
      if (holds) locked += 1;
    }
    after = page.at(-1)?.id ?? null;
    if (page.length < pageRows) return { runs, locked };
  }
}

async function endRun(tx: Queries, run: Run, { now }: Restoration): Promise<void> {
  await tx.runs.save(run);
  await tx.runEvents.insert({
    runId: run.id,
    position: run.version,
    at: now,
    actor: "",
    status: run.status,
    title: "the control plane was restored from a backup",
    comment: run.errorMessage,
  });
}

/** Every agent registers anew with its agent token, and is the same agent by its disk. */
async function endSessions(tx: Queries, random: Random): Promise<number> {
  let count = 0;
  for (let after: string | null = null; ; ) {
    const page = await tx.upkeep.agents({ after, limit: pageRows });
    for (const agent of page) {
      await tx.agents.save({
        ...agent,
        sessionEpoch: agent.sessionEpoch + epochJump,
        sessionTokenHash: hashToken(mintToken("ses", random)),
        bootId: "",
        connectedTo: "",
        replicaId: null,
      });
    }
    count += page.length;
    after = page.at(-1)?.id ?? null;
    if (page.length < pageRows) return count;
  }
}

/** They served the database that the backup was made of. */
async function forgetReplicas(tx: Queries): Promise<void> {
  const ids = (await tx.replicas.all()).map(({ id }) => id);
  await tx.presences.deleteOf(ids);
  for (const id of ids) await tx.replicas.leave(id);
}

/** A browser that was signed out since the backup is not signed in again. */
async function endBrowserSessions(tx: Queries): Promise<void> {
  const ever = new Date("9999-12-31T00:00:00Z");
  for (let gone = pageRows; gone === pageRows; ) gone = await tx.browserSessions.deleteEnded(ever, pageRows);
}
