import { type Job, maxArrivalMs } from "../../domain/runs/job.ts";

/** Of how many claims is known how much has arrived. */
const mostKnown = 2_000;

/** How much of what its offered jobs need has arrived at one agent: an offer does not end while more does, for hours. */
export class Arrivals {
  readonly #received = new Map<string, bigint>();

  /** Notes what the agent says; true if the offer is to last longer for it. */
  note({ id, epoch, offeredAt }: Job, receivedBytes: bigint, now: Date): boolean {
    const claim = `${id}/${epoch}`;
    const before = this.#received.get(claim) ?? 0n;
    this.#received.delete(claim);
    this.#received.set(claim, receivedBytes);
    const [oldest] = this.#received.keys();
    if (this.#received.size > mostKnown && oldest !== undefined) this.#received.delete(oldest);
    return receivedBytes > before && offeredAt !== null && now.getTime() - offeredAt.getTime() < maxArrivalMs;
  }
}
