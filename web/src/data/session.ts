import { useSyncExternalStore } from "react";

/** Whether somebody is signed in, as far as the last answers of the server say. */
export type SessionState = "unknown" | "signed-in" | "ended" | "signed-out";

/** How signing in went. */
export type SignInOutcome = { readonly kind: "signed-in" } | { readonly kind: "refused"; readonly message: string };

/** The session of this tab. The cookie that carries it cannot be read by scripts. */
class Session {
  #state: SessionState = "unknown";
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly read = (): SessionState => this.#state;

  begin(): void {
    this.#set("signed-in");
  }

  /** The credential is not taken any more: of a page that was used, it has ended; otherwise there was none. */
  end(): void {
    this.#set(this.#state === "signed-in" || this.#state === "ended" ? "ended" : "signed-out");
  }

  async signIn(apiKey: string): Promise<SignInOutcome> {
    const answer = await fetch("/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ apiKey }),
    }).catch(() => undefined);
    if (answer === undefined) return { kind: "refused", message: "The server does not answer. Is it running?" };
    if (!answer.ok) return { kind: "refused", message: await refusalOf(answer) };
    this.begin();
    return { kind: "signed-in" };
  }

  async signOut(): Promise<void> {
    await fetch("/session", { method: "DELETE" });
    this.#set("signed-out");
  }

  #set(state: SessionState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

async function refusalOf(answer: Response): Promise<string> {
  const said: unknown = await answer.json().catch(() => undefined);
  if (typeof said === "object" && said !== null && "message" in said && typeof said.message === "string")
    return said.message;
  return `The server answered ${answer.status} and did not say why.`;
}

export const session = new Session();

export const useSessionState = (): SessionState => useSyncExternalStore(session.subscribe, session.read);
