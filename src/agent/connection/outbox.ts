import type { ClaimKey } from "../contract/claim.ts";
import type { PendingMessage, SessionHost } from "../contract/session-host.ts";

/** Sends what jobs want sent on one stream: each message once, and again with each heartbeat until the job takes it back. */
export class Outbox {
  readonly #host: SessionHost;
  readonly #send: (message: PendingMessage["message"]) => void;
  readonly #said = new Map<ClaimKey, string>();

  constructor(host: SessionHost, send: (message: PendingMessage["message"]) => void) {
    this.#host = host;
    this.#send = send;
  }

  /** Says what is new. */
  flush(): void {
    const pending = this.#host.pendingMessages();
    const keys = new Set(pending.map(({ key }) => key));
    for (const key of this.#said.keys()) if (!keys.has(key)) this.#said.delete(key);
    for (const { key, message } of pending) {
      if (this.#said.get(key) === message.case) continue;
      this.#said.set(key, message.case);
      this.#send(message);
    }
  }

  /** Says everything again. */
  repeat(): void {
    this.#said.clear();
    this.flush();
  }

  /** Says again what one job wants said. */
  repeatOf(key: ClaimKey): void {
    this.#said.delete(key);
    this.flush();
  }
}
