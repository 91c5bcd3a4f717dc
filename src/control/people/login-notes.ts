import * as z from "zod";
import { isWindlassError } from "../../lib/words/errors.ts";
import type { Control } from "../core/control.ts";

/** What a login has to remember between two requests, sealed, so that its holder can neither read nor change it. */
export interface LoginNote {
  /** What it is for: another kind is not taken in its place. */
  readonly kind: "ticket" | "code";
  /** Good for one use. */
  readonly nonce: string;
  readonly until: Date;
  readonly facts: LoginFacts;
}

export type LoginFacts = Readonly<Record<string, string>>;

export type OpenedNote =
  | { readonly kind: "good"; readonly note: LoginNote }
  | { readonly kind: "too-old" }
  | { readonly kind: "unknown" };

const shape = z.object({ nonce: z.string(), untilMs: z.int(), facts: z.record(z.string(), z.string()) });
/** No note of ours is longer. */
const maxLength = 8 * 1024;

const subjectOf = (kind: LoginNote["kind"]): string => `login-${kind}`;

/** Seals facts for a time. The text can stand in URLs and forms. */
export function sealNote(
  { vault, clock, random }: Pick<Control, "vault" | "clock" | "random">,
  kind: LoginNote["kind"],
  { facts, forMs }: { readonly facts: LoginFacts; readonly forMs: number },
): string {
  const nonce = Buffer.from(random.bytes(16)).toString("base64url");
  const untilMs = clock.now().getTime() + forMs;
  const sealed = vault.seal(Buffer.from(JSON.stringify({ nonce, untilMs, facts })), subjectOf(kind));
  return Buffer.from(sealed).toString("base64url");
}

/** What a text says that `sealNote` has made. */
export function openNote(
  { vault, clock }: Pick<Control, "vault" | "clock">,
  kind: LoginNote["kind"],
  text: string,
): OpenedNote {
  if (text.length > maxLength || !/^[A-Za-z0-9_-]+$/.test(text)) return { kind: "unknown" };
  const plain = opened({ vault }, kind, text);
  if (plain === undefined) return { kind: "unknown" };
  const { nonce, untilMs, facts } = shape.parse(JSON.parse(plain));
  if (untilMs <= clock.now().getTime()) return { kind: "too-old" };
  return { kind: "good", note: { kind, nonce, until: new Date(untilMs), facts } };
}

/** Undefined for what this server's key did not seal. */
function opened({ vault }: Pick<Control, "vault">, kind: LoginNote["kind"], text: string): string | undefined {
  try {
    return Buffer.from(vault.open(Buffer.from(text, "base64url"), subjectOf(kind))).toString("utf8");
  } catch (error) {
    if (isWindlassError(error, "internal")) return undefined;
    throw error;
  }
}
