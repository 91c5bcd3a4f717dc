import type { Heartbeat } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { oneLine } from "../../lib/text/clean-text.ts";
import { type Control, topics } from "../core/control.ts";
import type { ConnectedAgent } from "../core/presence.ts";

/** How long an agent that opens its next stream still counts as connected. */
const handOverMs = 2_000;

/** What an agent says of the way between it and this server. */
export class SessionWay {
  #problem: string;
  #hasNextStream = false;
  #handsOver = false;

  constructor(problem: string) {
    this.#problem = problem;
  }

  /** What stands in the way, for people; empty if nothing does. */
  get problem(): string {
    return this.#problem;
  }

  /** True once the stream has ended because the next one comes at once. */
  get handsOver(): boolean {
    return this.#handsOver;
  }

  /** True if the problem is another one than before. */
  hear({ wayProblem, nextStream }: Pick<Heartbeat, "wayProblem" | "nextStream">): boolean {
    const problem = oneLine(wayProblem);
    const isNews = problem !== this.#problem;
    this.#problem = problem;
    this.#hasNextStream = nextStream;
    return isNews;
  }

  /**
   * Leaves at once, unless the next stream comes: that one takes its place, and the agent counts as connected until
   * then. False if another stream has its place.
   */
  async leave(
    { presence, clock, wake }: Pick<Control, "presence" | "clock" | "wake">,
    connected: ConnectedAgent,
  ): Promise<boolean> {
    if (this.#handsOver) await clock.sleep(handOverMs);
    const hasLeft = presence.leave(connected);
    if (this.#handsOver) wake.notify(topics.agents);
    return hasLeft;
  }

  /** The agent has ended its side. */
  end(): void {
    this.#handsOver = this.#hasNextStream;
  }
}
