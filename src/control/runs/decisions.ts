import { allows, type Person, type Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import { isFinal, type Run, type RunEvent } from "../../domain/runs/run.ts";
import { confirmationBar, staleText } from "../../domain/runs/saved-plan.ts";
import { type ErrorCode, WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findRun } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { type Change, changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { advanceRun } from "./advance.ts";
import { type RunView, viewRun } from "./view.ts";

/** How long a graceful cancel has before a forced one is allowed. Invariant I8. */
const forceAfterMs = { plan: 30_000, apply: 120_000 } as const;

/** Lets a planned run apply exactly what was planned. */
export function confirmRun(
  control: Control,
  who: Principal,
  { id, planSha256, comment }: { id: string; planSha256: string; comment: string },
): Promise<RunView> {
  const person = asPerson(who);
  return decide(control, who, {
    id,
    action: "run.confirm",
    refusal: "run_not_confirmable",
    check: async (run, { tx }) => {
      if (run.status === "planned" && run.deniedBy !== null) demandOverride(person, run);
      refuseOtherPlan(run, planSha256);
      await refuseStale(tx, run);
    },
    event: { kind: "confirmed", by: actorOf(person), comment },
    comment,
  });
}

/** What a hook has denied is an owner's to decide. */
function demandOverride(person: Person, { id, deniedBy }: Run): void {
  if (allows(person, "own")) return;
  throw new WindlassError(
    "permission_denied",
    `the hook ${deniedBy} has denied the plan of run ${id}: only an owner may confirm it. Ask one, or discard it`,
    { metadata: { run_id: id, hook: deniedBy ?? "" } },
  );
}

function refuseOtherPlan(run: Run, planSha256: string): void {
  if (run.status !== "planned" || planSha256 === "" || planSha256 === run.planSha256) return;
  throw new WindlassError(
    "plan_changed",
    `run ${run.id} has another plan than the one that was read: read it again before you confirm it`,
    {
      metadata: { run_id: run.id, plan_sha256: run.planSha256 ?? "" },
    },
  );
}

/** terraform would refuse it too, but later and less clearly. */
async function refuseStale(tx: Queries, run: Run): Promise<void> {
  const workspace = run.status === "planned" ? await tx.workspaces.get(run.workspaceId) : undefined;
  if (workspace === undefined || confirmationBar(run, workspace) !== "stale") return;
  throw new WindlassError("run_not_confirmable", `run ${run.id} cannot be confirmed: ${staleText(run, workspace)}`, {
    metadata: { run_id: run.id, state: run.status },
  });
}

/** Ends a planned run without applying it. */
export function discardRun(
  control: Control,
  who: Principal,
  { id, comment }: { id: string; comment: string },
): Promise<RunView> {
  const person = asPerson(who);
  return decide(control, who, {
    id,
    action: "run.discard",
    refusal: "run_not_discardable",
    event: { kind: "discarded", by: actorOf(person), comment },
    comment,
  });
}

/** Asks a run to end; it ends when terraform has. Force needs a graceful request before it that has had its time. */
export function cancelRun(
  control: Control,
  who: Principal,
  { id, isForced, comment }: { id: string; isForced: boolean; comment: string },
): Promise<RunView> {
  const by = actorOf(asPerson(who));
  return decide(control, who, {
    id,
    action: isForced ? "run.force_cancel" : "run.cancel",
    comment,
    refusal: "run_not_cancelable",
    check: async (run, { tx, at }) => {
      if (isForced) refuseEarlyForce(run, at, await tx.jobs.ofRun(run.id));
    },
    event: { kind: "cancel_requested", mode: isForced ? "force" : "cancel", by, comment },
  });
}

function refuseEarlyForce(run: Run, at: Change, jobs: readonly Job[]): void {
  const running = jobs.find((job) => job.status === "started");
  if (running === undefined || isFinal(run.status)) return;
  const waitMs = forceAfterMs[running.phase];
  const sinceMs = run.cancelRequestedAt === null ? null : at.now.getTime() - run.cancelRequestedAt.getTime();
  if (sinceMs !== null && sinceMs >= waitMs) return;
  const leftMs = sinceMs === null ? waitMs : waitMs - sinceMs;
  const first = sinceMs === null ? "cancel it without force first, and " : "";
  throw new WindlassError(
    "force_too_early",
    `run ${run.id} cannot be ended by force yet: ${first}give ${run.engine ?? running.engine ?? "it"} ${Math.ceil(leftMs / 1000)} more seconds to end by itself. A forced end can lose the resource that is being changed`,
    { metadata: { run_id: run.id, available_in_seconds: String(Math.ceil(leftMs / 1000)) } },
  );
}

/** When a run that is asked to end may be ended by force; null if nobody has asked. */
export function forceAvailableAt({ cancelRequestedAt }: Run, phase: Job["phase"]): Date | null {
  return cancelRequestedAt === null ? null : new Date(cancelRequestedAt.getTime() + forceAfterMs[phase]);
}

interface Decision {
  readonly id: string;
  readonly action: string;
  readonly refusal: ErrorCode;
  readonly event: RunEvent;
  /** For people; kept with the audit record. */
  readonly comment: string;
  readonly check?: ((run: Run, now: { readonly tx: Queries; readonly at: Change }) => Promise<void>) | undefined;
}

async function decide(
  control: Control,
  who: Principal,
  { id, action, refusal, event, comment, check }: Decision,
): Promise<RunView> {
  const person = asPerson(who);
  const run = await changeAbout(control, id, async (tx, at) => {
    const found = await findRun(tx, person, id);
    demand(person, found.options.isPlanOnly ? "plan" : "operate");
    await check?.(found, { tx, at });
    const advanced = await advanceRun(tx, at, { run: found, event });
    if (advanced.kind === "refused") throw refused(found, refusal, advanced.why);
    await record(tx, person, {
      at: at.now,
      action,
      resource: found.id,
      organizationId: found.organizationId,
      detail: {
        ...(comment !== "" && { comment }),
        ...(event.kind === "confirmed" && found.deniedBy !== null && { overrides: found.deniedBy }),
      },
    });
    return advanced.run;
  });
  return control.store.read((q) => viewRun(control, q, run));
}

function refused(run: Run, code: ErrorCode, why: string): WindlassError {
  const by = run.decidedBy === "" ? "" : ` It was decided by ${run.decidedBy}.`;
  return new WindlassError(code, `${why}.${by}`, { metadata: { run_id: run.id, state: run.status } });
}
