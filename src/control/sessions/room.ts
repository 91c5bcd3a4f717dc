import { oneLine } from "../../lib/text/clean-text.ts";
import type { AgentId, JobId } from "../../lib/words/ids.ts";
import type { Control } from "../core/control.ts";
import type { Declines } from "../core/declines.ts";

/** What an agent says of its disk, and which jobs it has given back: why it takes none. */
export class SessionRoom {
  readonly #control: Pick<Control, "clock" | "presence">;
  readonly #agentId: AgentId;
  #lack = "";
  #freeBytes = 0n;

  constructor(control: Pick<Control, "clock" | "presence">, agentId: AgentId) {
    this.#control = control;
    this.#agentId = agentId;
  }

  /** Why it takes no job at all; empty if it does. */
  get lacks(): string {
    return this.#lack || (this.#declines?.pause(this.#nowMs) ?? "");
  }

  /** The same, or why it gave the last one back; empty if neither. */
  get refusal(): string {
    return this.lacks || (this.#declines?.last(this.#nowMs) ?? "");
  }

  whyDeclined(jobId: JobId): string | undefined {
    return this.#declines?.reasonOf(jobId, this.#nowMs);
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

  get #declines(): Declines | undefined {
    return this.#control.presence.declinesOf(this.#agentId);
  }

  get #nowMs(): number {
    return this.#control.clock.monotonicMs();
  }
}
