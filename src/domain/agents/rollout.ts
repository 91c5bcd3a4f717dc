import type { AgentId } from "../../lib/words/ids.ts";
import { isAtLeast, isPrerelease, isVersion, isWithinStep, newestFirst } from "../../lib/words/version-steps.ts";
import type { Agent } from "./agent.ts";
import type { AgentUpdatePolicy } from "./agent-update.ts";
import { isInWindow, readUpdateWindow } from "./update-window.ts";

/** A version that the server has. */
export interface OfferedRelease {
  readonly version: string;
  readonly isWithdrawn: boolean;
  /** `linux-x64`, … */
  readonly platforms: readonly string[];
}

export type RolloutAgent = Pick<Agent, "id" | "version" | "os" | "arch" | "status" | "updateStatus">;

export interface Rollout {
  /** What agents should become now; who is not in it stays what it is. */
  readonly targets: ReadonlyMap<AgentId, string>;
  /** Why it has to be halted; undefined if all is well. */
  readonly halt: string | undefined;
}

interface Facts {
  readonly policy: AgentUpdatePolicy;
  readonly releases: readonly OfferedRelease[];
  readonly agents: readonly RolloutAgent[];
  /** Who was told to become what a moment ago, and may not have said yet that it has begun. */
  readonly told?: ReadonlyMap<AgentId, string> | undefined;
  readonly now: Date;
}

const nobody: Rollout = { targets: new Map(), halt: undefined };

/** After the canaries: this many failures end it. */
const maxFailures = 2;

/**
 * Who should become which version right now. The same rows give the same answer on every replica: agents come in an order of their own,
 * those that have begun first.
 */
export function rollOut({ policy, releases, agents, told, now }: Facts): Rollout {
  if (policy.mode === "off" || policy.mode === "notify" || policy.hold !== "" || policy.halt !== "") return nobody;
  const concerned = agents.flatMap((agent) => {
    const goal = goalOf(agent, policy, releases);
    return goal === undefined ? [] : [{ agent, goal }];
  });
  const failed = concerned.filter(({ agent }) => hasFailed(agent, policy)).map(({ agent }) => agent);
  const proved = concerned.filter(isProved).length;
  const areCanariesDone = proved >= Math.min(policy.canary, concerned.length);
  if (failed.length >= (areCanariesDone ? maxFailures : 1)) return { targets: new Map(), halt: haltText(failed) };
  const window = policy.window === "" ? undefined : readUpdateWindow(policy.window);
  if (policy.window !== "" && (window === undefined || !isInWindow(window, now))) return nobody;
  const share = Math.max(1, Math.floor((concerned.length * policy.maxInFlightPercent) / 100));
  const places = areCanariesDone ? share : policy.canary - proved;
  const targets = new Map<AgentId, string>();
  const left = concerned.filter((one) => !isProved(one) && !hasFailed(one.agent, policy));
  const isBegun = ({ agent, goal }: Concerned) => hasBegun(agent, goal) || told?.get(agent.id) === goal;
  for (const one of [...inOrder(left.filter(isBegun)), ...inOrder(left.filter((other) => !isBegun(other)))]) {
    if (isBegun(one) || (isHere(one.agent) && targets.size < places)) targets.set(one.agent.id, one.goal);
  }
  return { targets, halt: undefined };
}

/** An agent, and the version that it should have, which may be its own. */
interface Concerned {
  readonly agent: RolloutAgent;
  readonly goal: string;
}

/** The newest version that is not withdrawn; empty if there is none. */
export const newestOf = (releases: readonly OfferedRelease[]): string =>
  usable(releases).map(({ version }) => version)[0] ?? "";

/** Newest first. */
const usable = (releases: readonly OfferedRelease[]): readonly OfferedRelease[] =>
  releases
    .filter(({ version, isWithdrawn }) => !isWithdrawn && isVersion(version))
    .toSorted((a, b) => newestFirst(a.version, b.version));

/** The version that an agent should have; undefined if nothing fits it. */
function goalOf(
  { version, os, arch, updateStatus }: RolloutAgent,
  { mode, target }: AgentUpdatePolicy,
  releases: readonly OfferedRelease[],
): string | undefined {
  // Only agents that say something of updates can follow.
  if (updateStatus === null || mode === "off" || mode === "notify") return undefined;
  if (updateStatus.state === "refused" && updateStatus.reason === "DISABLED") return undefined;
  const fitting = usable(releases).filter(
    (release) => release.platforms.includes(`${os}-${arch}`) && isWithinStep(mode, version, release.version),
  );
  const found =
    target === ""
      ? fitting.find((release) => !isPrerelease(release.version) && isAtLeast(release.version, version))
      : fitting.find((release) => release.version === target);
  return found?.version;
}

/** It is what it should be, and has proved it. */
const isProved = ({ agent, goal }: Concerned): boolean =>
  agent.version === goal && isHere(agent) && !begun.has(agent.updateStatus?.state ?? "");

/** It went back, or refuses what went wrong there before, or vanished on the way. */
function hasFailed({ status, updateStatus: update }: RolloutAgent, { resumedAtMs }: AgentUpdatePolicy): boolean {
  if (update === null || update.atMs < resumedAtMs) return false;
  if (update.state === "rolled_back") return update.reason !== "UNREACHABLE";
  if (update.state === "refused") return update.reason === "BAD_VERSION";
  return update.state === "switching" && status === "errored";
}

const hasBegun = ({ updateStatus: update }: RolloutAgent, target: string): boolean =>
  update !== null && update.target === target && ["downloading", "ready", "switching"].includes(update.state);

const isHere = ({ status }: RolloutAgent): boolean => status === "idle" || status === "busy";

/** Those that have begun first, then by a number that says nothing. */
const inOrder = (agents: readonly Concerned[]): readonly Concerned[] =>
  agents.toSorted(
    ({ agent: a }, { agent: b }) => rankOf(a) - rankOf(b) || mixed(a.id) - mixed(b.id) || (a.id < b.id ? -1 : 1),
  );

const begun: ReadonlySet<string> = new Set(["switching", "ready", "downloading"]);
const rankOf = ({ updateStatus }: RolloutAgent): number => (begun.has(updateStatus?.state ?? "") ? 0 : 1);

/** FNV-1a. */
function mixed(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash;
}

function haltText(failed: readonly RolloutAgent[]): string {
  const [first] = failed;
  const target = first?.updateStatus?.target ?? "";
  const why = first?.updateStatus?.detail || "it was not heard again";
  const who = failed.length === 1 ? "an agent" : `${failed.length} agents`;
  return `${who} did not get along with version ${target}: ${why}`.slice(0, 1024);
}
