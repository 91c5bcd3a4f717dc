import { WindlassError } from "../../lib/words/errors.ts";
import { topLevelKeys } from "./state-syntax.ts";

/**
 * What OpenTofu writes in place of what it has encrypted; lineage and serial stand beside it in clear, and once more
 * inside.
 */
export const encryptedKey = "encrypted_data";

/** Whether OpenTofu has encrypted a state, without parsing it. */
export const isEncryptedState = (bytes: Buffer): boolean =>
  [...topLevelKeys(bytes)].some(({ key }) => key === encryptedKey);

/** What everybody is told who wants to know what an encrypted state holds; `what` names the state. */
export const encryptedState = (what: string): WindlassError =>
  new WindlassError("validation", `${what} is encrypted by tofu: what it holds cannot be read here`);
