import { hostname } from "node:os";
import { join } from "node:path";
import { type Control, topics } from "../control/core/control.ts";
import { KnownKeys } from "../control/core/credentials.ts";
import { HelloGate } from "../control/core/hello-gate.ts";
import { Presence } from "../control/core/presence.ts";
import { Replicas } from "../control/core/replicas.ts";
import { Documents } from "../control/documents/documents.ts";
import { withArchive } from "../control/logs/log-archive.ts";
import { Rollouts } from "../control/updates/rollouts.ts";
import { LogWindows } from "../lib/async/log-windows.ts";
import { WakeUps } from "../lib/async/wake-ups.ts";
import { version } from "../lib/program/version.ts";
import { createHiding } from "./hide-secrets.ts";
import { meteredLogs, meteredStore } from "./observability/metered-stores.ts";
import type { Observability } from "./observability/observe.ts";
import type { Stores } from "./open-stores.ts";
import type { Opening } from "./opening.ts";
import { PlacedReleases } from "./releases/agent-releases.ts";
import { limitsOf, timingOf } from "./settings.ts";
import { retentionOf } from "./upkeep-settings.ts";
import { openVault } from "./vault-keys.ts";

export interface ControlParts extends Pick<Control, "noServerAgent" | "certificate"> {
  readonly watching: Observability;
}

/** Third step: what the use cases work with, over the stores. */
export async function openControl(
  opening: Opening,
  { store, logs, blobs }: Stores,
  { watching, noServerAgent, certificate }: ControlParts,
): Promise<Control> {
  const { settings, clock, random, log, owned, replicaId } = opening;
  const vault = await openVault({ ...opening, store });
  const { metrics } = watching;
  const wake = new WakeUps(clock);
  const control: Control = {
    version,
    name: hostname(),
    store: meteredStore(store, metrics, clock),
    logs: withArchive(meteredLogs(logs, metrics, clock), { blobs, vault }),
    blobs,
    vault,
    clock,
    random,
    wake,
    knownKeys: new KnownKeys(wake, clock, topics.key),
    presence: new Presence(clock.monotonicMs()),
    replicas: new Replicas(replicaId, clock.now()),
    documents: owned.use(new Documents(clock)),
    helloGate: new HelloGate(),
    logWindows: new LogWindows(clock),
    agentUpdates: await agentUpdatesOf(opening, () => control),
    limits: limitsOf(settings),
    timing: timingOf(settings),
    retention: retentionOf(settings),
    observer: watching.observer(() => control),
    noServerAgent,
    certificate,
    web: settings.noWeb ? undefined : { publicUrl: settings.publicUrl },
    hiding: createHiding(clock),
    log,
  };
  return control;
}

/** Undefined where no versions are offered. */
async function agentUpdatesOf(
  { settings, dataDir, clock, log, owned }: Opening,
  control: () => Control,
): Promise<Rollouts | undefined> {
  const { agentReleases: place } = settings;
  if (place === undefined) return undefined;
  const closing = new AbortController();
  owned.defer(() => closing.abort());
  const keepIn = join(dataDir, "agent-releases");
  const releases = new PlacedReleases({ place, keepIn, clock, log, signal: closing.signal });
  await releases.lookAtStart();
  return new Rollouts(control, releases);
}
