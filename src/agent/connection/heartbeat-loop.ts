import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type AgentEngines,
  type AgentUpdate,
  type Heartbeat,
  HeartbeatSchema,
  type KeptDirectory,
} from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { HeldJob } from "../../gen/windlass/agent/v1/job_pb.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";

/** An agent adds this share of jitter, both ways, to the interval that the server names. */
export const heartbeatJitter = 0.2;
/** After this many heartbeats without any answer the stream is dead, whatever the transport says. */
export const maxUnanswered = 3;

export interface HeartbeatOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly intervalMs: number;
  /** Sends one heartbeat. */
  readonly beat: () => void;
  /** Told once when the other side has stopped to answer. */
  readonly onSilence: (unanswered: number) => void;
}

/** Sends heartbeats at the interval that the last answer named, until the signal is aborted. */
export class HeartbeatLoop {
  readonly #options: HeartbeatOptions;
  #intervalMs: number;
  #unanswered = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs;
  }

  /** The server has answered and names the next interval; 0 keeps the present one. */
  answered(nextIntervalMs: number): void {
    this.#unanswered = 0;
    if (nextIntervalMs > 0) this.#intervalMs = nextIntervalMs;
  }

  /** Resolves when aborted, or after `onSilence`. */
  async run(signal: AbortSignal): Promise<void> {
    while (await this.#waited(signal)) {
      if (this.#unanswered >= maxUnanswered) return this.#options.onSilence(this.#unanswered);
      this.#unanswered++;
      this.#options.beat();
    }
  }

  /** Sends one now, beside the regular ones: by it nobody is found silent sooner. */
  beat(): void {
    this.#options.beat();
  }

  async #waited(signal: AbortSignal): Promise<boolean> {
    const { clock, random } = this.#options;
    const factor = 1 + heartbeatJitter * (2 * random.fraction() - 1);
    try {
      await clock.sleep(this.#intervalMs * factor, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      throw error;
    }
  }
}

/** A heartbeat's message. */
export const heartbeatMessage = (facts: {
  readonly jobs: readonly HeldJob[];
  readonly freeDiskBytes: bigint;
  readonly now: Date;
  readonly isDraining: boolean;
  readonly kept: readonly KeptDirectory[];
  readonly noRoom: string;
  readonly wayProblem: string;
  readonly nextStream: boolean;
  /** Undefined while nothing changes. */
  readonly engines: AgentEngines | undefined;
  readonly update: AgentUpdate | undefined;
}): Heartbeat =>
  create(HeartbeatSchema, {
    jobs: [...facts.jobs],
    freeDiskBytes: facts.freeDiskBytes,
    clock: timestampFromDate(facts.now),
    draining: facts.isDraining,
    kept: [...facts.kept],
    noRoom: facts.noRoom,
    wayProblem: facts.wayProblem,
    nextStream: facts.nextStream,
    engines: facts.engines,
    update: facts.update,
  });
