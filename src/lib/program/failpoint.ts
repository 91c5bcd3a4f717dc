import type { Environment } from "../environment.ts";

/** Every point at which a test can make a program die or stand still: `<program>.<what has just been done>`. */
export const failpointNames = [
  "server.offer-claimed",
  "server.start-granted",
  "server.log-committed",
  "server.result-committed",
  "server.state-blob-stored",
  "server.before-commit",
  "agent.exec-journaled",
  "agent.step-noted",
  "agent.step-spawned",
  "agent.step-exited",
  "agent.state-spooled",
  "agent.state-uploaded",
  "agent.plan-files-packed",
  "agent.plan-uploaded",
  "agent.plan-files-placed",
  "agent.result-unwritten",
  "agent.result-written",
  "agent.before-removal",
  "updater.remembered",
  "updater.downloaded",
  "updater.unpacked",
  "updater.placed",
  "updater.before-switch",
  "updater.switched",
  "updater.confirmed",
] as const;

export type FailpointName = (typeof failpointNames)[number];

/** The variables that arm failpoints. Both are needed, so that none is ever armed by accident. */
export const failpointVariables = ["WINDLASS_FAILPOINTS", "WINDLASS_FAILPOINTS_ENABLED"] as const;

type Action = { readonly kind: "die" } | { readonly kind: "stall"; readonly ms: number };

interface Armed {
  readonly action: Action;
  /** Passes until it acts; it acts once. */
  left: number;
}

let armed: Map<string, Armed> | undefined;

/**
 * A named place in the code. It does nothing unless a test has armed it: then, at the n-th pass, the process ends by
 * SIGKILL as in a power failure, or its thread stands still for a while as on an overloaded machine.
 */
export function failpoint(name: FailpointName): void {
  if (armed !== undefined) pass(name, armed);
}

function pass(name: FailpointName, points: Map<string, Armed>): void {
  const point = points.get(name);
  if (point === undefined || --point.left > 0) return;
  points.delete(name);
  if (point.action.kind === "die") process.kill(process.pid, "SIGKILL");
  else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, point.action.ms);
}

/**
 * Arms what `WINDLASS_FAILPOINTS` names, once, at a program's start: `name=die@3` ends the process at the third pass,
 * `name=stall:500` holds it up for 500 ms at the first; commas between them. Returns what is wrong, one sentence each.
 */
export function armFailpoints(environment: Environment): readonly string[] {
  const wanted = environment.WINDLASS_FAILPOINTS ?? "";
  if (wanted === "") return [];
  if (environment.WINDLASS_FAILPOINTS_ENABLED !== "1") {
    return ["WINDLASS_FAILPOINTS is for tests only: unset it, or set WINDLASS_FAILPOINTS_ENABLED=1 as well"];
  }
  const points = new Map<string, Armed>();
  const problems = wanted.split(",").flatMap((text) => {
    const [, name = "", ms, count] = /^([a-z.-]+)=(?:die|stall:(\d{1,6}))(?:@(\d{1,6}))?$/.exec(text) ?? [];
    if (!failpointNames.some((known) => known === name)) return [`WINDLASS_FAILPOINTS: ${text} names no failpoint`];
    const action: Action = ms === undefined ? { kind: "die" } : { kind: "stall", ms: Number(ms) };
    points.set(name, { action, left: Number(count ?? 1) });
    return [];
  });
  if (problems.length === 0) armed = points;
  return problems;
}
