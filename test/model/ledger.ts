import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { StateVersion } from "../../src/domain/workspaces/state-version.ts";
import type { SessionRequest, SessionResponse } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { JobClaim } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import type { WorkspaceId } from "../../src/lib/words/ids.ts";
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
  /** The newest snapshot in the spool of each claim. */
  readonly #spooled = new Map<string, { readonly sequence: number; readonly text: string }>();
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

  /** I11: the words of a job replace each other only in their order, and no job goes back behind what it began with. */
  async checkState({ rows }: ControlPlane, workspace: WorkspaceId): Promise<void> {
    const state = await rows.read(async (q) => {
      const row = await q.workspaces.get(workspace);
      return row?.currentStateId == null ? undefined : q.states.get(row.currentStateId);
    });
    const before = this.#currentState;
    this.#currentState = state;
    if (state === undefined || before === undefined || state.id === before.id) return;
    const { serial, jobSequence, jobId, lineage } = state;
    if (jobId !== null && jobId === before.jobId) {
      if (jobSequence < before.jobSequence || (before.isFinal && !state.isFinal))
        throw new Violation("I11", `word ${jobSequence} of ${jobId} replaced its word ${before.jobSequence}`);
      return;
    }
    // Between two looks the job of the former state may have said its last word.
    const last = before.jobId === null ? before : await rows.read((q) => q.states.newestOfJob(before.jobId ?? "job_"));
    const lowest = Math.min(before.serial, last?.serial ?? before.serial);
    if (lineage === before.lineage && serial < lowest)
      throw new Violation("I11", `serial ${serial} replaced serial ${lowest}`);
  }

  /** Remembers what lies in the spools. */
  lookAtSpools(agents: readonly ModelAgent[]): void {
    for (const { dataDir } of agents) {
      for (const key of listing(join(dataDir, "jobs"))) {
        const dir = join(dataDir, "jobs", key, "state");
        for (const name of listing(dir)) this.#lookAtSnapshot(key, join(dir, name));
      }
    }
  }

  #lookAtSnapshot(key: string, path: string): void {
    const sequence = Number(/state-(\d+)\.tfstate$/.exec(path)?.[1] ?? 0);
    if (sequence > (this.#spooled.get(key)?.sequence ?? 0)) this.#spooled.set(key, { sequence, text: contentOf(path) });
  }

  /** I10: the newest snapshot that reached a disk is in the store or aside, or a later one is, unless that disk was lost. */
  async checkSnapshots({ rows }: ControlPlane): Promise<void> {
    for (const [key, { sequence, text }] of this.#spooled) {
      if (this.#lostDisks.has(key)) continue;
      const jobId = key.replace(/-\d+$/, "") as `job_${string}`;
      const newest = await rows.read((q) => q.states.newestOfJob(jobId));
      const isSame = newest?.jobSequence === sequence && newest.sha256 === sha256Of(text);
      if (!isSame && (newest?.jobSequence ?? 0) <= sequence)
        throw new Violation(
          "I10",
          `${key}: snapshot ${sequence} reached a disk, the store has ${newest?.jobSequence ?? "none"}`,
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

export const sha256Of = (text: string): string => createHash("sha256").update(text).digest("hex");

export const contentOf = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};
