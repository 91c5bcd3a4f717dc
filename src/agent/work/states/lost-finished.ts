import { readFile, stat } from "node:fs/promises";
import { errnoOf } from "../../../lib/values/errors.ts";
import { heldObjectsIn } from "../../../lib/words/held-objects.ts";
import { type HeldObjects, isMade, type LostResource, lostResources } from "../../../lib/words/lost-resources.ts";
import type { ApplyProgress } from "../../../terraform/output/apply-progress.ts";
import { quotedPattern } from "../../../terraform/plan/mask.ts";
import { makeTextRedactor, sensitiveMark } from "../../../terraform/redaction/redact.ts";
import type { FinalState } from "../../../terraform/state/watcher.ts";
import type { Execution } from "../execution.ts";
import type { StepEnd } from "../job-steps.ts";
import { secretsOfJob } from "../job-variables.ts";
import { isSuccess } from "../phase-steps.ts";
import type { PhaseEnd } from "../results.ts";
import { isOwnEnd } from "./settle-state.ts";

type LostFacts = Pick<PhaseEnd, "lost" | "lostCount">;

interface Ended {
  readonly end: StepEnd;
  readonly progress: Pick<ApplyProgress, "finished">;
  readonly final: FinalState;
}

const none: LostFacts = { lost: [], lostCount: 0 };

/** Greatest state that is looked into: of a larger one nobody can tell what it has. */
const maxStateBytes = 128 * 1024 * 1024;

/** Most that is told, and most characters of it: a result is one message. */
const maxTold = 1_000;
const maxCharacters = 256 * 1024;

/**
 * What an apply has finished and its last state does not have: a program that is killed takes with it what it has not
 * written yet (OpenTofu writes its state every 20 seconds). One that has come to its own good end has written
 * everything.
 */
export async function lostFinished(execution: Execution, { end, progress, final }: Ended): Promise<LostFacts> {
  const { all, forgotten } = progress.finished;
  const wasLeft = final.loss === undefined && execution.job.journal.ofStep("step_forced", "apply") === undefined;
  if (all.length === 0 || (isSuccess(end) && final.loss === undefined)) return none;
  const objects = await lastState(execution, final, (bytes) => heldObjectsIn(bytes, all));
  // It says itself that it failed, and nobody can look: then it is believed that it has written its state.
  if (objects === undefined && isOwnEnd(end) && wasLeft) return none;
  const lost = lostResources(all, { objects, isFromBefore: final.newest === undefined }).toSorted(
    (a, b) => Number(isMade(b)) - Number(isMade(a)),
  );
  return { lost: told(await shown(execution, lost)), lostCount: lost.length + forgotten };
}

/** The last state of the apply, or the one that it began with; an apply without any has nothing in it. */
async function lastState(
  { job }: Execution,
  { newest }: FinalState,
  look: (bytes: Buffer) => HeldObjects | undefined,
): Promise<HeldObjects | undefined> {
  const file = newest?.file ?? job.files.initialState;
  try {
    return (await stat(file)).size > maxStateBytes ? undefined : look(await readFile(file));
  } catch (error) {
    if (errnoOf(error) === "ENOENT")
      return newest === undefined && job.spec.state === undefined ? new Map() : undefined;
    throw error;
  }
}

/** Without secrets; when nobody can tell the secrets any more, without any index key and id. They were compared before. */
async function shown({ job, variables }: Execution, lost: readonly LostResource[]): Promise<LostFacts["lost"]> {
  if (lost.length === 0) return [];
  const secrets = await secretsOfJob(job, variables).catch(() => undefined);
  const redact = secrets === undefined ? undefined : await makeTextRedactor(secrets);
  return lost.map((resource) => {
    const { address, id } = resource;
    const masked =
      redact === undefined
        ? { address: withoutKeys(address), idKey: "", id: "" }
        : { address: redact(address), id: redact(id) };
    return { ...resource, ...masked, isHidden: masked.address !== address || masked.id !== id };
  });
}

/** An address in which nothing is left that a person has chosen a value for. */
export const withoutKeys = (address: string): string => address.replaceAll(quotedPattern, `"${sensitiveMark}"`);

function told(lost: LostFacts["lost"]): LostFacts["lost"] {
  let left = maxCharacters;
  const over = lost.findIndex(({ address, id }) => {
    left -= address.length + id.length;
    return left < 0;
  });
  return lost.slice(0, Math.min(maxTold, over === -1 ? lost.length : over));
}
