import { isWindlassError } from "../../lib/words/errors.ts";
import type { Store } from "../../store/ports/store.ts";
import type { Vault } from "../core/vault.ts";

/** Where the database keeps a few bytes that its master key has sealed: by them a wrong key is known at once. */
export const probeKey = "key_probe";

const subject = "probe";

/** The probe under the vault's present key. */
export const sealedProbe = (vault: Vault): string =>
  Buffer.from(vault.seal(Buffer.from(subject), subject)).toString("base64");

export type ProbeOutcome =
  | { readonly kind: "opens"; readonly isCurrent: boolean }
  /** A new database, or one of before there were probes. */
  | { readonly kind: "absent" }
  | { readonly kind: "wrong-key" };

/** Whether the vault has a key that this database knows. */
export async function tryProbe({
  store,
  vault,
}: {
  readonly store: Store;
  readonly vault: Vault;
}): Promise<ProbeOutcome> {
  const text = await store.read((q) => q.meta.get(probeKey));
  if (text === undefined) return { kind: "absent" };
  const sealed = Buffer.from(text, "base64");
  try {
    vault.open(sealed, subject);
    return { kind: "opens", isCurrent: vault.isCurrent(sealed) };
  } catch (error) {
    if (isWindlassError(error, "internal")) return { kind: "wrong-key" };
    throw error;
  }
}
