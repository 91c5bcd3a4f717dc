import type { Random } from "../../lib/random.ts";
import type { BlobStore } from "../../store/ports/blobs.ts";
import type { Store } from "../../store/ports/store.ts";

/** Where the database keeps by what it is known in a place of objects that others can reach, too. */
export const objectsOwnerKey = "objects_owner";

interface ObjectsParts {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly random: Random;
}

/** Whether the objects are this database's: takes them if they are nobody's, or with `isTaking` in any case. */
export async function claimObjects({ store, blobs, random }: ObjectsParts, isTaking: boolean): Promise<boolean> {
  const fresh = random.uuid();
  // First here: what a crash leaves is a name that nobody has used.
  const owner = await store.write(async (tx) => {
    const known = (await tx.meta.get(objectsOwnerKey)) ?? "";
    if (known === "") await tx.meta.set(objectsOwnerKey, fresh);
    return known === "" ? fresh : known;
  });
  return blobs.claim(owner, { isTaking });
}
