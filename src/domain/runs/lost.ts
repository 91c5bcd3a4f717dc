import { isMade, type LostResource } from "../../lib/words/lost-resources.ts";

/** A resource that an apply has finished and that its last state does not have as it should, as a run keeps it. */
export interface KeptLost extends LostResource {
  /** Something in its address or id is a secret and is not told. */
  readonly isHidden: boolean;
}

/** What a run keeps of them: those that were made first, then those that were destroyed. */
export interface Lost {
  readonly resources: readonly KeptLost[];
  /** All of them; the list may be shorter. */
  readonly count: number;
}

/** True if the next plan would make something twice: then somebody has to decide first. */
export const mustDecide = (lost: Lost | null | undefined): boolean =>
  lost?.resources[0] !== undefined && isMade(lost.resources[0]);

/** Those that were made first, as many as a run keeps. */
export function keptLost(found: readonly KeptLost[], count: number): Lost | null {
  if (count === 0) return null;
  const resources = found.toSorted((a, b) => Number(isMade(b)) - Number(isMade(a)));
  let left = maxBytes;
  const over = resources.findIndex(({ address, id }) => {
    left -= Buffer.byteLength(address + id) + overhead;
    return left < 0;
  });
  return { resources: resources.slice(0, Math.min(maxResources, over === -1 ? resources.length : over)), count };
}

const maxResources = 1_000;
/** A run is read as one message. */
const maxBytes = 256 * 1024;
/** Of a resource beside its address and its id. */
const overhead = 64;

/** Tells readers of the run what was lost and has to be decided; empty if nothing has. */
export function lostSentence(lost: Lost | null | undefined, runId: string): string {
  if (lost == null || !mustDecide(lost)) return "";
  return `${lostWords(lost)}: \`windlass run lost ${runId}\` says which; the next plan would make them again, so that the workspace stays locked until somebody decides (\`windlass run resolve ${runId}\`)`;
}

/** `3 resources that were finished are in no state`. */
export function lostWords({ resources, count }: Lost): string {
  const made = count > resources.length ? count : resources.filter(isMade).length;
  const isOne = made === 1;
  const what = isOne ? "1 resource that was finished" : `${made} resources that were finished`;
  return resources.some(({ held }) => held === "unknown")
    ? `${what} may be in no state, because the last state cannot be read`
    : `${what} ${isOne ? "is" : "are"} in no state`;
}

/** What the last state says of one, and what that means. */
export function lostNote({ action, held }: Pick<LostResource, "action" | "held">): string {
  switch (held) {
    case "absent":
      return "the last state does not have it: import it, or a plan makes it again";
    case "other":
      return "the last state has another object at this address: an import takes only once that one has left the state";
    case "unknown":
      return "the last state cannot be read: look whether it has it";
    case "present":
      return action === "delete"
        ? "it was destroyed and the last state still has it: the next plan finds by its refresh that it is gone"
        : "";
  }
}
