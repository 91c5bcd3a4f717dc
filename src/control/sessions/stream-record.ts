import type { SessionResponse } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { oneLine } from "../../lib/text/clean-text.ts";
import type { Control } from "../core/control.ts";
import type { Heard } from "./hearing.ts";
import type { AgentSession } from "./session.ts";

/** Remembers for people when an agent came on a stream, and why it went. */
export class StreamRecord {
  readonly #control: Pick<Control, "clock" | "presence">;
  readonly #session: AgentSession;
  #why = "";

  constructor(control: Pick<Control, "clock" | "presence">, session: AgentSession) {
    this.#control = control;
    this.#session = session;
  }

  connected(): void {
    this.#note("connected");
  }

  /** One that hands over to its next stream has not gone. */
  disconnected(): void {
    if (!this.#session.way.handsOver) this.#note("disconnected");
  }

  /** What is sent: the last message may say why this side ends the stream. */
  say({ message }: SessionResponse): void {
    if (message.case === "close") this.#why = message.value.detail;
  }

  /** What is heard: an agent that goes says so. */
  hear(heard: Heard): void {
    if (heard.kind !== "message" || heard.request.message.case !== "goodbye") return;
    this.#why = `it said good-bye: ${heard.request.message.value.reason || "no reason"}`;
  }

  /** It broke, or was reset. */
  broke(error: unknown): void {
    this.#why ||= error instanceof Error ? error.message : String(error);
  }

  #note(kind: "connected" | "disconnected"): void {
    const { agentId, address, version } = this.#session;
    const detail = kind === "connected" ? "" : oneLine(this.#why);
    this.#control.presence.noteComing(agentId, { at: this.#control.clock.now(), kind, address, version, detail });
  }
}
