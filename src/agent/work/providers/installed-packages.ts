import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { LockedProvider } from "../../../terraform/configuration/lock-file.ts";
import { isWithin } from "../../sandbox/bubblewrap.ts";
import type { Execution } from "../execution.ts";
import { isFetchable } from "./fetch-package.ts";
import { providerFiles } from "./job-providers.ts";

/** A provider that init has installed: `linked` is one that lies on this machine anyway. */
export interface InstalledProvider {
  readonly locked: LockedProvider;
  readonly from: "cache" | "linked" | "elsewhere";
}

/** Where the providers of a lock file were installed from; what a job has written there is not believed, only looked at. */
export async function installedIn(
  { place }: Pick<Execution, "place">,
  locked: readonly LockedProvider[],
): Promise<readonly InstalledProvider[]> {
  const { packages } = providerFiles(place.seenCli);
  const found: InstalledProvider[] = [];
  for (const one of locked.filter(isFetchable)) {
    const root = join(place.directory, ".terraform", "providers", one.address, one.version);
    const [platform] = await readdir(root).catch(() => []);
    if (platform === undefined) continue;
    const path = join(root, platform);
    const isLink = (await lstat(path).catch(() => undefined))?.isSymbolicLink() ?? false;
    const target = isLink ? await readlink(path).catch(() => "") : "";
    const from = !isLink ? "elsewhere" : isWithin(target, packages) ? "cache" : "linked";
    found.push({ locked: one, from });
  }
  return found;
}
