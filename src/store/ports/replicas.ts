import type { ToldAgent } from "../../domain/runs/told-agent.ts";
import type { AgentId } from "../../lib/words/ids.ts";

/** A process of windlassd that serves the database. */
export interface ReplicaRow {
  /** Of this process alone: the next one of the same machine has another. */
  readonly id: string;
  /** For people: its host. */
  readonly name: string;
  /** Of its program. */
  readonly version: string;
  /** Where it listens, for people; empty while it does not yet. */
  readonly address: string;
  readonly startedAt: Date;
  /** When it was last seen, by the clock of the database. */
  readonly seenAt: Date;
  /** What its own clock showed then. */
  readonly clockAt: Date;
  /** Counts up while it lives. */
  readonly beats: number;
  /** How often it could not tell the others what has changed. */
  readonly losses: number;
  /** Since when the others count it as gone, for it did not stop by itself; null while it lives. */
  readonly lostAt: Date | null;
}

/** What a process writes of itself. */
export type ReplicaWord = Omit<ReplicaRow, "seenAt" | "lostAt">;

/** What is known of a process at one moment. */
export type ReplicaBeat = Pick<ReplicaRow, "id" | "beats">;

/** Queries of the processes that serve the database. */
export interface ReplicaQueries {
  /** Also those that were lost lately; by (startedAt, id). */
  all(): Promise<readonly ReplicaRow[]>;
  /** Enters the process, also one that counts as gone. */
  enter(word: ReplicaWord): Promise<void>;
  /** Says that the process lives; false if it is not entered, or counts as gone. */
  beat(word: ReplicaWord): Promise<boolean>;
  /** Counts these as gone, unless they have moved on since; answers which of them it did. */
  lose(seen: readonly ReplicaBeat[], at: Date): Promise<readonly string[]>;
  /** The process stops by itself. */
  leave(id: string): Promise<void>;
  /** Deletes those that were lost before `at`. */
  forget(at: Date): Promise<void>;
}

/** What one process tells of an agent that is connected to it. */
export interface PresenceRow {
  readonly agentId: AgentId;
  readonly replicaId: string;
  readonly sessionEpoch: number;
  /** Counts up with each batch that the process writes. */
  readonly version: number;
  /** Null once it has left. */
  readonly facts: ToldAgent | null;
}

/** Up to which batch of a process its rows are known. */
export interface PresenceMark {
  readonly replicaId: string;
  readonly version: number;
}

/** What is wanted of one agent and of its jobs, as one text: another text if anything of it has changed. */
export interface AgentWish {
  readonly agentId: AgentId;
  readonly text: string;
}

/** Queries of which agents are connected to which process. */
export interface PresenceQueries {
  /** What is wanted of these agents, but for those that were deleted. */
  wishes(ids: readonly AgentId[]): Promise<readonly AgentWish[]>;
  /** Overwrites rows, but for those of a newer session. */
  put(rows: readonly PresenceRow[]): Promise<void>;
  /** Rows of these processes that are newer than the marks, the oldest first. */
  since(marks: readonly PresenceMark[]): Promise<readonly PresenceRow[]>;
  /** Deletes what these processes have told. */
  deleteOf(replicaIds: readonly string[]): Promise<void>;
  /** Deletes what a process has told of agents that have left, up to a batch. */
  deleteLeft(mark: PresenceMark): Promise<void>;
}
