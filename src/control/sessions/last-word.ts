import { type Control, topics } from "../core/control.ts";

/** When one stream's agent was last heard, by both clocks, and whether its row has been told. */
export class LastWord {
  readonly #control: Pick<Control, "clock" | "wake" | "timing">;
  #heardAtMs: number;
  #heardAt: Date;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(control: Pick<Control, "clock" | "wake" | "timing">, heardAt: Date) {
    this.#control = control;
    this.#heardAtMs = control.clock.monotonicMs();
    this.#heardAt = heardAt;
  }

  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  get heardAt(): Date {
    return this.#heardAt;
  }

  /** Nobody knows whether the agent is still there: it gets nothing until it is heard. */
  get isLongAgo(): boolean {
    const { clock, timing } = this.#control;
    return clock.monotonicMs() - this.#heardAtMs >= timing.silence.unknownMs;
  }

  /** A message has come; whoever waits for the agent hears that it is back. */
  hear(): void {
    const { clock, wake } = this.#control;
    const isBack = this.isLongAgo;
    this.#heardAtMs = clock.monotonicMs();
    this.#heardAt = clock.now();
    if (isBack) for (const topic of [topics.jobs, topics.agents]) wake.notify(topic);
  }

  /** Whether there is something to tell its row. One that is unknown stays so until it is heard again. */
  tell(): boolean {
    if (this.isLongAgo && this.#toldAtMs === this.#heardAtMs) return false;
    this.#toldAtMs = this.#heardAtMs;
    return true;
  }
}
