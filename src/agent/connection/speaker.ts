import type { ClaimKey } from "../contract/claim.ts";
import type { SessionHost, Speech } from "../contract/session-host.ts";

/** Says on one stream what jobs want said: each thing once, and again with every heartbeat until the wish is gone. */
export class Speaker {
  readonly #host: SessionHost;
  readonly #send: (message: Speech["message"]) => void;
  readonly #said = new Map<ClaimKey, string>();

  constructor(host: SessionHost, send: (message: Speech["message"]) => void) {
    this.#host = host;
    this.#send = send;
  }

  /** Says what is new. */
  speak(): void {
    const speeches = this.#host.speeches();
    const keys = new Set(speeches.map(({ key }) => key));
    for (const key of this.#said.keys()) if (!keys.has(key)) this.#said.delete(key);
    for (const { key, message } of speeches) {
      if (this.#said.get(key) === message.case) continue;
      this.#said.set(key, message.case);
      this.#send(message);
    }
  }

  /** Says everything again. */
  repeat(): void {
    this.#said.clear();
    this.speak();
  }

  /** Says again what one job wants said. */
  repeatOf(key: ClaimKey): void {
    this.#said.delete(key);
    this.speak();
  }
}
