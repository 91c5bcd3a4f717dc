import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Agent } from "../../domain/agents/agent.ts";
import { keptLost, type Lost } from "../../domain/runs/lost.ts";
import { addressOnly, type ResourceInFlight } from "../../domain/runs/resource-in-flight.ts";
import {
  type JobCommandSchema,
  type JobResult,
  LostResourceHeld,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";
import { cleanLines, oneLine } from "../../lib/text/clean-text.ts";
import type { HowHeld } from "../../lib/words/lost-resources.ts";
import type { VersionWish } from "../core/control.ts";
import { engineOf } from "../jobs/engine.ts";
import type { Report } from "../jobs/results.ts";
import { unwantedClaims } from "../runs/kept.ts";
import type { Outgoing } from "./hearing.ts";

/** A job's result off the wire. An outcome of a newer agent counts as an error: it is not known to be good. */
export function reportOf(result: JobResult): Report {
  const { counts } = result;
  return {
    outcome: outcomeOf(result.outcome),
    exitCode: result.exitCode,
    errorMessage: oneLine(result.errorMessage),
    logBytes: Number(result.logBytes),
    logSha256: result.logSha256,
    isLogLost: result.logLost,
    hasChanges: result.hasChanges,
    counts: {
      add: counts?.add ?? 0,
      change: counts?.change ?? 0,
      destroy: counts?.destroy ?? 0,
      import: counts?.imported ?? 0,
      forget: counts?.forget ?? 0,
      drift: counts?.drift ?? 0,
      move: counts?.moved ?? 0,
    },
    planSha256: result.planSha256,
    stateSerial: Number(result.stateSerial),
    stateSha256: result.stateSha256,
    resourcesInFlight: clipped(inFlightOf(result)),
    lost: lostOf(result),
    hasNotApplied: result.applyNotStarted,
    deniedBy: result.policyDenial,
    hooks: result.hooks.map(({ name, sha256, exitCode, summary }) => ({
      name: oneLine(name),
      sha256,
      exitCode,
      summary: cleanLines(Buffer.from(summary).toString("utf8")),
    })),
    engine: engineOf(result.engine),
    engineVersion: result.engineVersion,
  };
}

/** An older agent tells addresses alone. */
const inFlightOf = ({ inFlight, resourcesInFlight }: JobResult): readonly ResourceInFlight[] =>
  inFlight.length === 0
    ? resourcesInFlight.map(addressOnly)
    : inFlight.map(({ address, action, idKey, id }) => ({ address, action, idKey, id }));

/** An older agent tells none. */
const lostOf = ({ lost, lostCount }: JobResult): Lost | null =>
  keptLost(
    lost.map(({ address, action, provider, idKey, id, finishTime, held, hidden: isHidden }) => ({
      address,
      action,
      provider,
      idKey,
      id,
      isHidden,
      held: heldWords[held] ?? "unknown",
      finishedAt: instantOf(finishTime),
    })),
    Math.max(lost.length, lostCount),
  );

/** The result must be taken whatever it says. */
function instantOf(time: JobResult["lost"][number]["finishTime"]): string {
  const at = time === undefined ? undefined : timestampDate(time);
  return at === undefined || Number.isNaN(at.getTime()) ? "" : at.toISOString();
}

const heldWords: Readonly<Record<number, HowHeld>> = {
  [LostResourceHeld.ABSENT]: "absent",
  [LostResourceHeld.OTHER]: "other",
  [LostResourceHeld.PRESENT]: "present",
};

/** A run keeps at most this many characters of them: its readers get them in one message. */
const maxInFlightCharacters = 64 * 1024;

/** The result must be taken whatever it says: what is too much is counted. */
function clipped(found: readonly ResourceInFlight[]): readonly ResourceInFlight[] {
  let left = maxInFlightCharacters;
  const over = found.findIndex(({ address, action, idKey, id }) => {
    left -= address.length + action.length + idKey.length + id.length;
    return left < 0;
  });
  return over === -1 ? found : [...found.slice(0, over), addressOnly(`(and ${found.length - over} more)`)];
}

function outcomeOf(outcome: JobOutcome): Report["outcome"] {
  switch (outcome) {
    case JobOutcome.FINISHED:
      return "finished";
    case JobOutcome.CANCELED:
      return "canceled";
    default:
      return "errored";
  }
}

interface ReplyFacts {
  readonly now: Date;
  readonly heartbeatMs: number;
  readonly jobs: MessageInitShape<typeof JobCommandSchema>[];
  readonly agent: Agent;
  readonly wish: VersionWish | undefined;
}

/** Everything that is wanted of an agent. */
export const heartbeatReply = ({ now, heartbeatMs, jobs, agent, wish }: ReplyFacts): Outgoing => ({
  case: "heartbeatReply",
  value: {
    serverTime: timestampFromDate(now),
    nextInterval: durationFromMs(heartbeatMs),
    jobs,
    drain: agent.isDraining,
    removeKept: unwantedClaims(agent),
    ...(wish === undefined ? {} : { update: { targetVersion: wish.target, manifestSha256: wish.manifestSha256 } }),
  },
});
