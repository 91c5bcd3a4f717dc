import type { Departure, Heard, LeaseRenewal } from "../../store/ports/store.ts";
import { type Control, topics } from "../core/control.ts";

/** How often what was heard is written. Much shorter than any lease. */
export const flushMs = 3_000;

/** Collects signs of life in memory and writes them in batches: never one row update a heartbeat. */
export class Liveness {
  readonly #heard = new Map<string, Heard>();
  readonly #renewals = new Map<string, LeaseRenewal>();
  readonly #left = new Map<string, Departure>();

  heard(row: Heard): void {
    this.#heard.set(row.agentId, row);
  }

  renew(renewal: LeaseRenewal): void {
    this.#renewals.set(renewal.jobId, renewal);
  }

  /** The stream of this session has ended. */
  left({ agentId, sessionEpoch }: Departure): void {
    this.#left.set(agentId, { agentId, sessionEpoch });
  }

  /** Writes what was collected; what cannot be written now is kept for the next time, unless something newer came. */
  async flush({ store, wake }: Pick<Control, "store" | "wake">): Promise<void> {
    const heard = [...this.#heard.values()];
    const renewals = [...this.#renewals.values()];
    const left = [...this.#left.values()];
    for (const collected of [this.#heard, this.#renewals, this.#left]) collected.clear();
    if (heard.length + renewals.length + left.length === 0) return;
    try {
      await store.step(async (tx) => {
        if (heard.length > 0) await tx.agents.heard(heard);
        if (renewals.length > 0) await tx.jobs.renew(renewals);
        if (left.length > 0) await tx.agents.left(left);
      });
      wake.notify(topics.agents);
    } catch (error) {
      for (const row of heard) if (!this.#heard.has(row.agentId)) this.#heard.set(row.agentId, row);
      for (const row of renewals) if (!this.#renewals.has(row.jobId)) this.#renewals.set(row.jobId, row);
      for (const row of left) if (!this.#left.has(row.agentId)) this.#left.set(row.agentId, row);
      throw error;
    }
  }
}

/** Flushes until the signal is aborted, and once more then. */
export async function flushUntil(control: Control, liveness: Liveness, signal: AbortSignal): Promise<void> {
  const flush = (): Promise<void> =>
    liveness
      .flush(control)
      .catch((error: unknown) =>
        control.log.error({ err: error }, "heartbeats could not be written: they are kept and tried again"),
      );
  while (!signal.aborted) {
    await control.clock.sleep(flushMs, signal).catch(() => {});
    if (!signal.aborted) await flush();
  }
  // Also what came while the last one was under way.
  await flush();
}
