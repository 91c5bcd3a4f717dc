import { oneLine } from "../lib/clean-text.ts";

/** What an agent says of its disk. */
export class SessionRoom {
  #lack = "";
  #freeBytes = 0n;

  /** Why there is no room for another job; empty if there is. */
  get lack(): string {
    return this.#lack;
  }

  /** 0 if it has said nothing yet. */
  get freeBytes(): bigint {
    return this.#freeBytes;
  }

  /** True if it lacks room and did not before, or the other way round. */
  hear({ noRoom, freeDiskBytes }: { readonly noRoom: string; readonly freeDiskBytes: bigint }): boolean {
    const before = this.#lack;
    this.#lack = oneLine(noRoom);
    this.#freeBytes = freeDiskBytes;
    return this.#lack !== before;
  }
}
