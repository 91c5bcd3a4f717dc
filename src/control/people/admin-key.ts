import type { ApiKey } from "../../domain/people/api-key.ts";
import { record } from "../core/audit.ts";
import type { Control } from "../core/control.ts";
import { mintKey } from "./api-keys.ts";

/** What the first admin's key is called. */
export const adminKeyName = "admin";

type KeyControl = Pick<Control, "store" | "clock" | "random">;

export interface NewAdminKey {
  readonly key: ApiKey;
  readonly secret: string;
  /** The site admins' keys of that name which it replaces. */
  readonly old: readonly ApiKey[];
}

/** Makes another key for the first admin, beside those that are there: once its secret is safe, revoke these. */
export async function makeAdminKey({ store, clock, random }: KeyControl): Promise<NewAdminKey> {
  const createdAt = clock.now();
  const facts = { name: adminKeyName, role: "site_admin", organizationId: null } as const;
  const made = mintKey(random, { ...facts, createdAt, createdBy: "", expiresAt: null });
  return store.write(async (tx) => {
    const old = await tx.upkeep.siteAdminKeys(adminKeyName);
    await tx.apiKeys.insert(made.key);
    const entry = { action: "key.create", resource: made.key.id, organizationId: null };
    await record(tx, "system", { ...entry, detail: { name: adminKeyName, role: "site_admin" }, at: createdAt });
    return { ...made, old };
  });
}

/** Revokes the keys that a new one replaces. */
export async function revokeReplaced({ store, clock }: KeyControl, { key, old }: NewAdminKey): Promise<void> {
  const now = clock.now();
  await store.write(async (tx) => {
    for (const { id } of old) {
      const row = await tx.apiKeys.get(id);
      if (row === undefined || row.revokedAt !== null) continue;
      await tx.apiKeys.save({ ...row, revokedAt: now, replacedBy: key.id });
      const entry = { action: "key.revoke", resource: id, organizationId: null, detail: { replaced_by: key.id } };
      await record(tx, "system", { ...entry, at: now });
    }
  });
}
