import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { abortable, deadlineAfter, linkSignals, together } from "../../../lib/async/abort.ts";
import { Places } from "../../../lib/async/places.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { LockedProvider } from "../../../terraform/configuration/lock-file.ts";
import { requiredProviders } from "../../../terraform/configuration/required-providers.ts";
import type { CachedPackage } from "../../../terraform/packages/package-cache.ts";
import { engineNameOf } from "../../contract/engine-name.ts";
import { configurationRoot } from "../../jobs/files.ts";
import type { Execution } from "../execution.ts";
import { readablePaths } from "../job-place.ts";
import type { GivenInputs } from "../job-variables.ts";
import { isFetchable, type WantedPackage } from "./fetch-package.ts";
import { impliedMirrors } from "./implied-mirrors.ts";
import { installedIn } from "./installed-packages.ts";
import { addToLock, lockOf } from "./job-lock.ts";
import { PackageProgress, packageName } from "./package-progress.ts";
import type { PackageRequest, Running } from "./package-store.ts";
import { arrangePackages } from "./package-view.ts";
import { type SourceScope, scopeOf } from "./source-scope.ts";

/** Fetches of one job at once: another one wants some too. */
const mostAtOnce = 4;
/** More than configurations have; the rest is left to init. */
const mostProviders = 100;
const patienceMs = 30_000;
const beforeInit = "02-providers";
const afterInit = "03-providers";

/**
 * Gives a job, before its init, the packages of the agent's cache that its lock file takes, and fetches those that the
 * cache lacks; of providers without a lock, it gives what their sources have had lately. What cannot be given is left
 * to the job's own init.
 */
export async function preparePackages(execution: Execution): Promise<void> {
  const { job, context, log, place } = execution;
  if (context.packages.isOff) return;
  await using progress = new PackageProgress(join(job.files.raw, beforeInit), { log, clock: context.clock });
  if (job.journal.ofStep("step_started", "init") !== undefined) return progress.again();
  const given = await untilGiven(execution);
  const scope = given === undefined ? undefined : scopeFor(execution, given);
  if (scope === undefined) return;
  const { providers } = scope;
  const implied = providers.methods === null ? await impliedMirrors(place.directory) : [];
  const near = new Set(implied.flatMap(({ include }) => include));
  const locked = (await lockOf(execution)).filter(({ address }) => !near.has(address)).slice(0, mostProviders);
  const settled = await settle(execution, locked, scope, progress);
  const names = new Set(locked.map(({ address }) => address));
  await fetchNewest(execution, scope, progress, (address) => names.has(address) || near.has(address));
  const fresh = await context.packages.fresh(scope.domain);
  const loose = fresh.filter(({ address }) => !names.has(address) && !near.has(address));
  await arrangePackages(execution, { providers, implied, settled, loose });
  await addToLock(execution, new Map(settled.map(({ address, h1 }) => [address, [h1]])));
}

/** What the job is given; undefined when it is canceled, or nobody can give it anything: its first step says why. */
async function untilGiven({ job, context, variables }: Execution): Promise<GivenInputs | undefined> {
  using until = linkSignals(context.stopping, job.canceled);
  const given = await abortable(variables, until.signal).catch(() => undefined);
  context.stopping.throwIfAborted();
  return given;
}

/** The packages that the lock file takes: from the cache, or fetched for it now. */
async function settle(
  execution: Execution,
  locked: readonly LockedProvider[],
  scope: SourceScope,
  progress: PackageProgress,
): Promise<readonly CachedPackage[]> {
  const places = new Places(mostAtOnce);
  const found = await together(execution.context.stopping, (until) =>
    locked.map(async (one) => {
      const request = requestFor(execution, scope, one);
      const known = await execution.context.packages.find(request);
      if (known !== undefined) progress.say(`${packageName(one)} from the cache`);
      using _place = await places.take();
      return known ?? fetchFor(execution, request, { progress, until });
    }),
  );
  return found.filter((one) => one !== undefined);
}

/**
 * Fetches what has no lock and is in no cache, as far as the configuration itself tells what that is: what init then
 * chooses is here already, and is downloaded once.
 */
async function fetchNewest(
  execution: Execution,
  scope: SourceScope,
  progress: PackageProgress,
  isSettled: (address: string) => boolean,
): Promise<void> {
  const { job, context, place } = execution;
  if (isDeveloping(scope)) return;
  const root = configurationRoot(job.files.work);
  const required = await requiredProviders({ directory: place.directory, root, engine: engineNameOf(job.spec) });
  const places = new Places(mostAtOnce);
  const wanted = required.filter(({ address }) => !isSettled(address)).slice(0, mostProviders);
  await together(context.stopping, (until) =>
    wanted.map(async ({ address, constraints }) => {
      const request = requestFor(execution, scope, { address, version: "", constraints, hashes: [] });
      if (!isFetchable(request) || (await context.packages.isFresh(request))) return;
      using _place = await places.take();
      await fetchFor(execution, request, { progress, until });
    }),
  );
}

/** A provider under development is no package. */
const isDeveloping = ({ providers }: SourceScope): boolean =>
  providers.methods?.some((method) => JSON.stringify(method).includes("dev_overrides")) === true;

async function fetchFor(
  { job, context }: Execution,
  request: PackageRequest,
  { progress, until: parent }: { readonly progress: PackageProgress; readonly until: AbortSignal },
): Promise<CachedPackage | undefined> {
  using until = linkSignals(parent, job.canceled);
  if (until.signal.aborted) return undefined;
  const running = context.packages.fetch(request);
  using _shown = progress.show(packageName(request), running);
  const fetched = await whileItMoves(running, { clock: context.clock, signal: until.signal }).catch(() => undefined);
  context.stopping.throwIfAborted();
  if (fetched !== undefined) progress.say(`${packageName(fetched)} fetched for the cache`);
  return fetched;
}

/** The end of a fetch; undefined when nothing arrives for a while: then the job tries it by itself. */
async function whileItMoves(
  running: Running,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<CachedPackage | undefined> {
  for (let bytes = -1; running.progress.bytes !== bytes; ) {
    bytes = running.progress.bytes;
    using deadline = deadlineAfter(clock, patienceMs, signal);
    try {
      return await abortable(running.done, deadline.signal);
    } catch {
      signal.throwIfAborted();
    }
  }
  return undefined;
}

function requestFor(
  execution: Execution,
  { domain, providers, variables }: SourceScope,
  wanted: WantedPackage,
): PackageRequest {
  const { context, ready } = execution;
  const { address, version, constraints, hashes } = wanted;
  return {
    address,
    version,
    constraints,
    hashes,
    domain,
    source: {
      enginePath: ready.enginePath,
      providers,
      variables,
      sandbox: context.sandbox,
      searchPath: context.config.searchPath,
      readable: [...readablePaths(context, ready.enginePath), ...providers.readable],
    },
  };
}

function scopeFor({ job, context }: Execution, { providers, environment }: GivenInputs): SourceScope | undefined {
  return scopeOf({ engine: engineNameOf(job.spec), providers, environment, workRoot: context.config.workRoot });
}

/**
 * After an init that succeeded: what it took from the cache is told, and what it had to download is fetched for the
 * jobs to come.
 */
export async function followUpPackages(execution: Execution): Promise<void> {
  const { job, context, log } = execution;
  if (context.packages.isOff || job.isApply) return;
  const told = await readFile(join(job.files.raw, afterInit), "utf8").catch(() => undefined);
  if (told !== undefined) return log.say(afterInit, () => told);
  if (job.journal.ofStep("step_started", "plan") !== undefined) return;
  const given = await untilGiven(execution);
  const scope = given === undefined ? undefined : scopeFor(execution, given);
  if (scope !== undefined) await followUp(execution, scope);
}

async function followUp(execution: Execution, scope: SourceScope): Promise<void> {
  const { job, context, log } = execution;
  const fromCache: CachedPackage[] = [];
  const lacking: PackageRequest[] = [];
  const installed = await installedIn(execution, (await lockOf(execution)).slice(0, mostProviders));
  for (const { locked, from } of installed) {
    const request = requestFor(execution, scope, { ...locked, hashes: [] });
    if (from === "elsewhere") lacking.push(request);
    const known = from === "cache" ? await context.packages.find(request) : undefined;
    if (known !== undefined) fromCache.push(known);
  }
  context.packages.fetchLater(lacking);
  await addToLock(execution, new Map(fromCache.map(({ address, hashes }) => [address, hashes])));
  const before = await readFile(join(job.files.raw, beforeInit), "utf8").catch(() => "");
  const lines = fromCache.map((one) => `Windlass: ${packageName(one)} from the cache\n`);
  const fresh = lines.filter((line) => !before.includes(line));
  if (fresh.length > 0) await log.say(afterInit, () => `${fresh.join("")}\n`);
}
