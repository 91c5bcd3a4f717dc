import type { OrganizationId } from "../../lib/words/ids.ts";

/** Which organization got a job when, since the start: the one that waited longest for its turn goes first among equals. */
export class Turns {
  readonly #last = new Map<OrganizationId, number>();
  #count = 0;

  /** Remembers that a job of the organization was given to an agent. */
  note(organizationId: OrganizationId): void {
    this.#count += 1;
    this.#last.set(organizationId, this.#count);
  }

  /** The number of each organization's last turn; the greatest is the newest. */
  get last(): ReadonlyMap<OrganizationId, number> {
    return this.#last;
  }
}
