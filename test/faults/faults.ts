import { type FailpointName, failpointNames } from "../../src/lib/program/failpoint.ts";
import { processesIn } from "../support/leftovers.ts";
import type { Direction, Shape } from "../support/relay.ts";
import type { Seeded } from "../support/seeded.ts";
import type { Cluster, FaultyAgent } from "./cluster.ts";
import { drawShape } from "./links.ts";
import { type ArmedFailpoint, describeFailpoint, type Member } from "./member.ts";
import { describeReplicaFault, injectIntoReplicas, type Later, type ReplicaFault, serverOf } from "./replica-faults.ts";

/** Which program; there may be several servers. */
export interface Victim {
  readonly role: "server" | "agent";
  readonly number: number;
}

/** Something that goes wrong. */
export type Fault =
  | {
      readonly kind: "end";
      readonly victim: Victim;
      readonly signal: "SIGKILL" | "SIGTERM";
      readonly downMs: number;
      readonly failpoint: ArmedFailpoint | undefined;
    }
  | { readonly kind: "freeze"; readonly victim: Victim; readonly forMs: number }
  | { readonly kind: "cut"; readonly agent: number }
  | { readonly kind: "half-open"; readonly agent: number; readonly stays: "agent" | "server" }
  | { readonly kind: "refuse"; readonly agent: number; readonly forMs: number }
  | {
      readonly kind: "shape";
      readonly agent: number;
      readonly direction: Direction;
      readonly shape: Shape;
      readonly forMs: number;
    }
  /** Each connection, new ones too, ends after so many bytes of a direction. */
  | {
      readonly kind: "cut-each";
      readonly agent: number;
      readonly direction: Direction;
      readonly bytes: number;
      readonly forMs: number;
    }
  /** The link of an agent carries little, in both directions and between other faults, too. */
  | { readonly kind: "slow"; readonly agent: number; readonly bytesPerSecond: number; readonly forMs: number }
  /** The system ends a terraform, as for a lack of memory. */
  | { readonly kind: "terraform"; readonly which: number }
  | ReplicaFault;

export interface TimedFault {
  readonly atMs: number;
  readonly fault: Fault;
}

/** Draws a timeline of faults. */
export function drawFaults(random: Seeded, durationMs: number, agents: number): readonly TimedFault[] {
  const timeline: TimedFault[] = [];
  for (let atMs = random.between(300, 1500); atMs < durationMs; atMs += random.between(100, 1400)) {
    timeline.push({ atMs, fault: drawFault(random, agents) });
  }
  return timeline;
}

/** Draws a failpoint of a program, as often as not. */
export function drawFailpoint(random: Seeded, victim: Victim): ArmedFailpoint | undefined {
  const isArmed = random.chance(0.6);
  const prefix = `${victim.role}.`;
  const name = random.pick(failpointNames.filter((known) => known.startsWith(prefix)));
  const pass = random.between(1, passesOf(name));
  const stall = random.chance(0.2) ? { stallMs: random.between(200, 3000) } : {};
  return isArmed ? { name, pass, ...stall } : undefined;
}

/** What is passed often is met late as well as early. */
const passesOf = (name: FailpointName): number =>
  name === "server.before-commit" || name === "server.log-committed" ? 60 : 4;

function drawFault(random: Seeded, agents: number): Fault {
  const agent = random.between(0, agents - 1);
  const victim: Victim = random.chance(0.4) ? { role: "server", number: 0 } : { role: "agent", number: agent };
  const forMs = random.between(200, random.chance(0.15) ? 12_000 : 3000);
  return random.weighted<() => Fault>([
    [
      38,
      () => ({
        kind: "end",
        victim,
        signal: random.chance(0.85) ? "SIGKILL" : "SIGTERM",
        downMs: random.between(0, random.chance(0.2) ? 6000 : 1200),
        failpoint: drawFailpoint(random, victim),
      }),
    ],
    [16, () => ({ kind: "freeze", victim, forMs })],
    [10, () => ({ kind: "cut", agent })],
    [6, () => ({ kind: "half-open", agent, stays: random.pick(["agent", "server"]) })],
    [4, () => ({ kind: "refuse", agent, forMs })],
    [20, () => ({ kind: "shape", agent, direction: random.pick(["up", "down"]), shape: drawShape(random), forMs })],
    [5, () => ({ kind: "terraform", which: random.between(0, 1000) })],
  ])();
}

export const describeFault = (fault: Fault): string => {
  switch (fault.kind) {
    case "end": {
      const failpoint = fault.failpoint === undefined ? "" : `, then ${describeFailpoint(fault.failpoint)}`;
      return `${fault.signal} ${nameOf(fault.victim)}, down ${fault.downMs} ms${failpoint}`;
    }
    case "freeze":
      return `SIGSTOP ${nameOf(fault.victim)} for ${fault.forMs} ms`;
    case "cut":
      return `cut agent ${fault.agent}`;
    case "half-open":
      return `half-open agent ${fault.agent}, ${fault.stays} stays`;
    case "refuse":
      return `refuse agent ${fault.agent} for ${fault.forMs} ms`;
    case "shape":
      return `${fault.shape.kind} ${fault.direction} of agent ${fault.agent} for ${fault.forMs} ms`;
    case "cut-each":
      return `cut each connection of agent ${fault.agent} after ${fault.bytes} bytes ${fault.direction} for ${fault.forMs} ms`;
    case "slow":
      return `agent ${fault.agent} has ${fault.bytesPerSecond} bytes a second for ${fault.forMs} ms`;
    case "terraform":
      return "SIGKILL a terraform";
    default:
      return describeReplicaFault(fault);
  }
};

const nameOf = ({ role, number }: Victim): string => `${role} ${number}`;

/** What a report counts it as. */
export function kindOf(fault: Fault): string {
  if (fault.kind === "end") return `${fault.signal} ${fault.victim.role}`;
  if (fault.kind === "freeze") return `SIGSTOP ${fault.victim.role}`;
  if (fault.kind === "shape") return fault.shape.kind;
  return fault.kind === "shape-link" ? `${fault.shape.kind} ${fault.link}` : labelOf(fault);
}

const labelOf = (fault: Exclude<Fault, { readonly kind: "end" | "freeze" | "shape" | "shape-link" }>): string =>
  fault.kind === "cut-link" ? `cut ${fault.link}` : fault.kind;

/** Does something to a cluster; `later` undoes what lasts. Answers the pid of a terraform that it ended. */
export async function inject(cluster: Cluster, fault: Fault, later: Later): Promise<number | undefined> {
  const memberOf = ({ role, number }: Victim): Member =>
    role === "server" ? serverOf(cluster, number).member : agentOf(number).member;
  const agentOf = (number: number): FaultyAgent => {
    const agent = cluster.agents[number];
    if (agent === undefined) throw new Error(`there is no agent ${number}`);
    return agent;
  };
  switch (fault.kind) {
    case "end": {
      const { downMs, failpoint } = fault;
      memberOf(fault.victim).end(fault.signal, { downMs, ...(failpoint === undefined ? {} : { failpoint }) });
      return undefined;
    }
    case "freeze": {
      const member = memberOf(fault.victim);
      const { program } = member;
      member.freeze();
      later(fault.forMs, () => program === member.program && member.thaw());
      return undefined;
    }
    case "cut":
      agentOf(fault.agent).proxy.cut();
      return undefined;
    case "half-open":
      agentOf(fault.agent).proxy.halfOpen(fault.stays === "agent" ? "client" : "server");
      return undefined;
    case "refuse": {
      const { proxy } = agentOf(fault.agent);
      proxy.refuse(true);
      later(fault.forMs, () => proxy.refuse(false));
      return undefined;
    }
    case "shape": {
      const { proxy } = agentOf(fault.agent);
      proxy.shape(fault.direction, fault.shape);
      later(fault.forMs, () => proxy.shape(fault.direction, { kind: "clean" }));
      return undefined;
    }
    case "cut-each": {
      const { proxy } = agentOf(fault.agent);
      proxy.cutEach({ kind: "bytes", direction: fault.direction, bytes: fault.bytes });
      later(fault.forMs, () => proxy.cutEach(undefined));
      return undefined;
    }
    case "slow": {
      const { proxy } = agentOf(fault.agent);
      proxy.usually({ kind: "throttle", bytesPerSecond: fault.bytesPerSecond });
      later(fault.forMs, () => proxy.usually({ kind: "clean" }));
      return undefined;
    }
    case "terraform":
      return endTerraform(await livingTerraforms(cluster), fault.which);
    default:
      return void (await injectIntoReplicas(cluster, fault, later));
  }
}

function endTerraform(living: readonly number[], which: number): number | undefined {
  const pid = living[which % living.length];
  if (pid === undefined) return undefined;
  try {
    process.kill(pid, "SIGKILL");
    return pid;
  } catch {
    return undefined; // It has ended by itself meanwhile.
  }
}

/** The terraforms of a cluster that still run. */
export async function livingTerraforms({ engine, directory }: Cluster): Promise<readonly number[]> {
  const ours = new Set(processesIn(directory).map(({ pid }) => pid));
  return (await engine.allPids()).filter((pid) => ours.has(pid));
}
