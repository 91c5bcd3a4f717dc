import { openBlobStore, openLogStore, openStore } from "../store/open.ts";
import type { BlobStore } from "../store/ports/blobs.ts";
import type { LogStore } from "../store/ports/logs.ts";
import type { Store } from "../store/ports/store.ts";
import { storeUrls } from "./data-dir.ts";
import type { Opening } from "./opening.ts";

export interface Stores {
  readonly store: Store;
  readonly logs: LogStore;
  readonly blobs: BlobStore;
}

/** Second step: opens rows, logs and objects, and brings their tables up to date if the settings let it. */
export async function openStores({ settings, dataDir, log, clock, random, onFatal, owned }: Opening): Promise<Stores> {
  const urls = storeUrls(settings, dataDir);
  const { migrate } = settings;
  const parts = { log, migrate, clock, random };
  const store = owned.use(await openStore({ ...parts, url: urls.store, onFatal }));
  const logs = owned.use(await openLogStore({ ...parts, url: urls.logs }));
  const blobs = owned.use(await openBlobStore({ ...parts, url: urls.blobs }));
  return { store, logs, blobs };
}
