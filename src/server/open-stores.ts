import { claimObjects } from "../control/upkeep/objects-owner.ts";
import { openBlobStore, openLogStore, openStore } from "../store/open.ts";
import type { BlobStore } from "../store/ports/blobs.ts";
import type { LogStore } from "../store/ports/logs.ts";
import type { Store } from "../store/ports/store.ts";
import { blobPlace, storePlaces } from "./data-dir.ts";
import type { Opening } from "./opening.ts";
import type { ServerSettings } from "./settings.ts";
import { StartError } from "./start-error.ts";

export interface Stores {
  readonly store: Store;
  readonly logs: LogStore;
  readonly blobs: BlobStore;
}

/** Second step: opens rows, logs and objects, and brings their tables up to date if the settings let it. */
export async function openStores(opening: Opening): Promise<Stores> {
  const { settings, dataDir, log, clock, random, onFatal, owned, deadline, spareLogThread: spareThread } = opening;
  const places = storePlaces(settings, dataDir);
  const parts = { log, migrate: settings.migrate, clock, random, cutOff: deadline.signal };
  const openLogs = () => openLogStore({ ...parts, ...places.logs, spareThread });
  // A file of their own: their thread starts beside the rows. In PostgreSQL their table comes with the rows' schema.
  const early = settings.databaseUrl === undefined ? begun(owned, openLogs()) : undefined;
  const store = owned.use(await openStore({ ...parts, ...places.store, onFatal }));
  const logs = await (early ?? begun(owned, openLogs()));
  const blobs = owned.use(await openBlobStore({ ...parts, ...blobPlace(settings, dataDir) }));
  await demandOwnObjects({ store, blobs, random }, settings);
  return { store, logs, blobs };
}

/** Refuses objects that another installation uses: each would delete what only the other one needs. */
export async function demandOwnObjects(
  parts: Parameters<typeof claimObjects>[0],
  { blobUrl, movedDatabase }: Pick<ServerSettings, "blobUrl" | "movedDatabase">,
): Promise<void> {
  if (blobUrl === undefined || (await claimObjects(parts, movedDatabase))) return;
  throw new StartError(
    5,
    "the objects of --blob-url are another windlassd's, or those of the server that a backup was made of: give this one a prefix of its own. If the other one is gone for good, start once with --moved-database",
  );
}

/** Owned from now on, though it is not there yet. Whoever awaits it hears why it does not come. */
function begun<T extends AsyncDisposable>(owned: AsyncDisposableStack, opening: Promise<T>): Promise<T> {
  const opened = opening.catch(() => undefined);
  owned.defer(async () => (await opened)?.[Symbol.asyncDispose]());
  return opening;
}
