import type { ApiKey, Role } from "../domain/api-key.ts";
import { WindlassError } from "../lib/errors.ts";
import { newId, type OrganizationId } from "../lib/ids.ts";
import { hashToken, mintToken } from "../lib/tokens.ts";
import { change } from "./advance.ts";
import { record } from "./audit.ts";
import type { Control } from "./control.ts";

export interface NewApiKey {
  readonly name: string;
  readonly role: Role;
  /** Null exactly for a site admin's key. */
  readonly organizationId: OrganizationId | null;
}

/** Enough to tell keys apart: `wdl_usr_4kQ9`. */
const prefixLength = 12;

/** Creates an API key that does not expire. The secret is in the answer and nowhere else. */
export async function createApiKey(
  control: Control,
  { name, role, organizationId }: NewApiKey,
): Promise<{ readonly key: ApiKey; readonly secret: string }> {
  if ((role === "site_admin") !== (organizationId === null)) {
    throw new WindlassError(
      "internal",
      `a key with the role ${role} ${organizationId === null ? "needs" : "has no"} organization`,
    );
  }
  const secret = mintToken("usr", control.random);
  return change(control, async (tx, at) => {
    const key: ApiKey = {
      id: newId("key", control.random),
      organizationId,
      name,
      role,
      hash: hashToken(secret),
      prefix: secret.slice(0, prefixLength),
      createdAt: at.now,
      expiresAt: null,
      lastUsedAt: null,
      revokedAt: null,
    };
    await tx.apiKeys.insert(key);
    await record(tx, "system", {
      action: "key.create",
      resource: key.id,
      organizationId,
      detail: { name, role },
      at: at.now,
    });
    return { key, secret };
  });
}
