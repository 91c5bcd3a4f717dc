import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeDurably } from "../../../lib/fs/durable.ts";
import type { ProviderMirror } from "../../../terraform/configuration/provider-sources.ts";
import type { CachedPackage } from "../../../terraform/packages/package-cache.ts";
import { freshDirectory, removeFile } from "../../disk/durable-files.ts";
import type { Execution } from "../execution.ts";
import { cliConfigText, type ProviderPlan, providerFiles } from "./job-providers.ts";
import { methodsWithPackages } from "./package-methods.ts";

export interface Arrangement {
  readonly providers: ProviderPlan;
  readonly implied: readonly ProviderMirror[];
  /** What the lock file takes. */
  readonly settled: readonly CachedPackage[];
  /** What may be taken if its version is the right one. */
  readonly loose: readonly CachedPackage[];
}

/** Shows packages to a job as an unpacked filesystem mirror, which terraform links instead of copying it. */
export async function arrangePackages({ job, context, place }: Execution, arrangement: Arrangement): Promise<void> {
  const { providers, implied, settled, loose } = arrangement;
  const all = [...settled, ...loose];
  if (all.length === 0) return;
  const here = providerFiles(job.files.cli);
  await context.packages.using(() => writeDurably(job.files.packages, JSON.stringify(all.map(({ root }) => root))));
  await context.packages.touch(all);
  await freshDirectory(job.files.cli);
  for (const one of all) {
    const link = join(here.packages, one.address, one.version, one.platform);
    await mkdir(dirname(link), { recursive: true, mode: 0o700 });
    await symlink(one.root, link);
  }
  const { packages: path } = providerFiles(place.seenCli);
  const methods = methodsWithPackages({
    implied,
    path,
    methods: providers.methods,
    settled: settled.map(({ address }) => address),
  });
  await removeFile(here.cliConfig);
  await writeFile(here.cliConfig, cliConfigText({ methods, others: providers.others }), { mode: 0o400, flag: "wx" });
}
