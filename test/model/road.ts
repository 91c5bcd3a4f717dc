/** What becomes of one message, or of one call with its answer. */
export type Fate =
  | "deliver"
  | "lose"
  | "twice"
  /** After the next message of the same stream. For a call: its answer is lost. */
  | "swap"
  /** One step later. An upload of a state: two steps later, given up by its sender. Another call: its answer is lost. */
  | "late"
  /** It is lost, and the stream breaks. */
  | "cut"
  | "agent dies"
  | "agent dies after"
  | "server dies"
  | "server dies after";

/** The way between one agent's machine and the control plane. */
export class Road {
  #opening: PromiseWithResolvers<void> | undefined;

  get isOpen(): boolean {
    return this.#opening === undefined;
  }

  /** Lets nothing through: what is sent waits, and nobody is told. */
  close(): void {
    this.#opening ??= Promise.withResolvers();
  }

  open(): void {
    this.#opening?.resolve();
    this.#opening = undefined;
  }

  async passage(): Promise<void> {
    await this.#opening?.promise;
  }
}

/** How long a host that is no longer there goes unnoticed. */
export const keepAliveMs = 50_000;
