import type { Control } from "../control/core/control.ts";
import { createApiKey } from "../control/people/api-keys.ts";
import { generationKey } from "../control/people/system.ts";
import { type Organization, plainOrganization } from "../domain/people/organization.ts";
import type { Engine } from "../domain/workspaces/workspace.ts";
import { newId } from "../lib/words/ids.ts";
import { writeSecret } from "./secrets.ts";

const adminKey = "admin_key_made";

export interface FirstStart {
  /** Random id of the database's history. */
  readonly generation: string;
  /** Where the admin's API key was written just now; undefined if this is no first start. */
  readonly adminTokenFile: string | undefined;
}

const firstOrganization = (chosen: Pick<Organization, "id" | "name" | "defaultEngine">, now: Date): Organization => ({
  ...plainOrganization,
  ...chosen,
  createdAt: now,
  updatedAt: now,
  version: 1,
});

/** Makes what a new database needs: its generation, an organization, and an admin's API key in a file. */
export async function firstStart(
  control: Control,
  wanted: {
    readonly organization: string;
    readonly adminTokenFile: string;
    /** Asked for only at a first start. */
    readonly defaultEngine: () => Promise<Engine>;
  },
): Promise<FirstStart> {
  const { clock, random, store } = control;
  const isMade = (await store.read((q) => q.meta.get(adminKey))) !== undefined;
  const defaultEngine = isMade ? "terraform" : await wanted.defaultEngine();
  const { generation, isNew } = await store.write(async (tx) => {
    const known = await tx.meta.get(generationKey);
    const generation = known ?? random.uuid();
    if (known === undefined) await tx.meta.set(generationKey, generation);
    const isNew = (await tx.meta.get(adminKey)) === undefined;
    const now = clock.now();
    if (isNew && (await tx.organizations.byName(wanted.organization)) === undefined) {
      const { organization: name } = wanted;
      await tx.organizations.insert(firstOrganization({ id: newId("org", random), name, defaultEngine }, now));
    }
    return { generation, isNew };
  });
  if (!isNew) return { generation, adminTokenFile: undefined };
  // A start that ends between these steps makes another key at the next one: better two keys than none.
  const { secret } = await createApiKey(control, { name: "admin", role: "site_admin", organizationId: null });
  await writeSecret(wanted.adminTokenFile, `${secret}\n`);
  await store.write((tx) => tx.meta.set(adminKey, clock.now().toISOString()));
  return { generation, adminTokenFile: wanted.adminTokenFile };
}
