import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { StateVersion } from "../../src/domain/state-version.ts";
import type { SessionRequest, SessionResponse } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { JobClaim } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import type { WorkspaceId } from "../../src/lib/ids.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { ModelAgent } from "./model-agent.ts";
import type { TerraformProcess } from "./terraform.ts";

/** A promise was broken. */
export class Violation extends Error {
  /** Its number, such as I3. */
  readonly invariant: string;

  constructor(invariant: string, what: string) {
    super(`${invariant}: ${what}`);
    this.name = "Violation";
    this.invariant = invariant;
  }
}

/** What is known of one claim's log. */
interface LogFacts {
  /** As the agent sent it. */
  bytes: Buffer;
  /** What the server has acknowledged. */
  acknowledged: number;
  /** Something was said of it since it was compared. */
  isNew: boolean;
}

/** Remembers, outside of every disk, what has happened, and compares it with what is promised. */
export class Ledger {
  readonly #executions = new Map<string, TerraformProcess[]>();
  readonly #logs = new Map<string, LogFacts>();
  readonly #lostDisks = new Set<string>();
  /** Highest serial in the spool of each claim. */
  readonly #spooled = new Map<string, number>();
  #currentState: StateVersion | undefined;
  #broken: Violation | undefined;

  /** Something that was seen in the middle of a step breaks a promise. */
  accuse(invariant: string, what: string): void {
    this.#broken ??= new Violation(invariant, what);
  }

  throwIfBroken(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** I1, I2: an apply is about to run, beside those that are `alive`. */
  executes(process: TerraformProcess, alive: readonly TerraformProcess[]): void {
    const known = this.#executions.get(process.runId) ?? [];
    this.#executions.set(process.runId, [...known, process]);
    if (known.length > 0) this.accuse("I1", `the apply of ${process.runId} was executed ${known.length + 1} times`);
    const other = alive.find(({ runId }) => runId !== process.runId);
    if (other !== undefined) this.accuse("I2", `${process.runId} is applied while ${other.runId} still is`);
  }

  fromAgent(message: SessionRequest["message"]): void {
    if (message.case !== "logChunk") return;
    const { claim, offset, chunk } = message.value;
    const facts = this.#log(claim);
    const from = Number(offset);
    const known = facts.bytes.subarray(from, from + chunk.length);
    if (from > facts.bytes.length) this.accuse("I3", `${nameOf(claim)}: the agent left out bytes before ${from}`);
    if (!known.equals(chunk.subarray(0, known.length)))
      this.accuse("I3", `${nameOf(claim)}: other bytes than before at ${from}`);
    facts.bytes = Buffer.concat([facts.bytes, chunk.subarray(known.length)]);
  }

  fromServer(message: SessionResponse["message"]): void {
    if (message.case !== "logAck" || message.value.closed) return;
    const facts = this.#log(message.value.claim);
    facts.acknowledged = Math.max(facts.acknowledged, Number(message.value.nextOffset));
  }

  /** Everything is to be compared once more. */
  lookAgain(): void {
    for (const facts of this.#logs.values()) facts.isNew = true;
  }

  diskLost(jobKeys: readonly string[]): void {
    for (const key of jobKeys) this.#lostDisks.add(key);
  }

  hasLostDisk(jobKey: string): boolean {
    return this.#lostDisks.has(jobKey);
  }

  /** I3: what was acknowledged is stored, and what is stored is what was sent. */
  checkLogs({ logFile }: ControlPlane): void {
    for (const [key, facts] of this.#logs) {
      if (!facts.isNew) continue;
      facts.isNew = false;
      const { bytes, acknowledged } = facts;
      const stored = storedLog(logFile, key.replace(/-(\d+)$/, "/$1"));
      if (stored.length < acknowledged)
        throw new Violation("I3", `${key}: ${acknowledged} bytes were acknowledged, ${stored.length} are stored`);
      if (!stored.equals(bytes.subarray(0, stored.length)))
        throw new Violation("I3", `${key}: what is stored is not what was sent`);
    }
  }

  /** I11: within a lineage the serial only goes up. */
  async checkState({ rows }: ControlPlane, workspace: WorkspaceId): Promise<void> {
    const state = await rows.read(async (q) => {
      const row = await q.workspaces.get(workspace);
      return row?.currentStateId == null ? undefined : q.states.get(row.currentStateId);
    });
    const before = this.#currentState;
    this.#currentState = state;
    if (state === undefined || before === undefined || state.id === before.id) return;
    if (state.lineage === before.lineage && state.serial <= before.serial)
      throw new Violation("I11", `serial ${state.serial} replaced serial ${before.serial}`);
  }

  /** Remembers what lies in the spools. */
  lookAtSpools(agents: readonly ModelAgent[]): void {
    for (const { dataDir } of agents) {
      for (const key of listing(join(dataDir, "jobs"))) {
        const serials = listing(join(dataDir, "jobs", key, "state")).map((name) => Number.parseInt(name, 10));
        const highest = Math.max(...serials.filter(Number.isFinite), this.#spooled.get(key) ?? 0);
        if (highest > 0) this.#spooled.set(key, highest);
      }
    }
  }

  /** I10: the newest serial that reached a disk is in the store or aside, unless that disk was lost. */
  async checkSerials({ rows }: ControlPlane): Promise<void> {
    for (const [key, serial] of this.#spooled) {
      if (this.#lostDisks.has(key)) continue;
      const jobId = key.replace(/-\d+$/, "") as `job_${string}`;
      const newest = await rows.read((q) => q.states.newestOfJob(jobId));
      if ((newest?.serial ?? 0) < serial)
        throw new Violation(
          "I10",
          `${key}: serial ${serial} reached a disk, the store has ${newest?.serial ?? "none"}`,
        );
    }
  }

  #log(claim: JobClaim | undefined): LogFacts {
    const key = nameOf(claim);
    const known = this.#logs.get(key) ?? { bytes: Buffer.alloc(0), acknowledged: 0, isNew: true };
    known.isNew = true;
    this.#logs.set(key, known);
    return known;
  }
}

const nameOf = (claim: JobClaim | undefined): string => `${claim?.jobId ?? ""}-${claim?.epoch ?? 0n}`;

/** A stream's bytes. */
export function storedLog(logFile: ControlPlane["logFile"], stream: string): Buffer {
  const pieces: Uint8Array[] = [];
  for (let offset = 0; ; ) {
    const { bytes, length, nextOffset } = logFile.readNow(stream, offset, 1024 * 1024);
    pieces.push(bytes);
    if (nextOffset >= length) return Buffer.concat(pieces);
    offset = nextOffset;
  }
}

export function listing(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

export const contentOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};
