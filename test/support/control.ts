import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Control, topics } from "../../src/control/core/control.ts";
import { KnownKeys } from "../../src/control/core/credentials.ts";
import { HelloGate } from "../../src/control/core/hello-gate.ts";
import { noObserver } from "../../src/control/core/observer.ts";
import { type ConnectedAgent, Presence } from "../../src/control/core/presence.ts";
import { Replicas } from "../../src/control/core/replicas.ts";
import { createVault } from "../../src/control/core/vault.ts";
import { Documents } from "../../src/control/documents/documents.ts";
import type { Role } from "../../src/domain/people/api-key.ts";
import { type Organization, plainOrganization } from "../../src/domain/people/organization.ts";
import type { Person } from "../../src/domain/people/principal.ts";
import type { Retention } from "../../src/domain/people/retention.ts";
import { jobFeatures } from "../../src/domain/runs/job-features.ts";
import { LogWindows } from "../../src/lib/async/log-windows.ts";
import { WakeUps } from "../../src/lib/async/wake-ups.ts";
import { type Log, silentLog } from "../../src/lib/program/log.ts";
import { type Random, systemRandom } from "../../src/lib/random.ts";
import { defaultsOf } from "../../src/lib/settings.ts";
import { newId } from "../../src/lib/words/ids.ts";
import { createHiding } from "../../src/server/hide-secrets.ts";
import { limitsOf, timingOf } from "../../src/server/settings.ts";
import { serverSettings } from "../../src/settings/server.ts";
import { openBlobStore, openLogStore, openStore } from "../../src/store/open.ts";
import type { LogStore } from "../../src/store/ports/logs.ts";
import type { Store } from "../../src/store/ports/store.ts";
import type { DatabasePlace } from "../../src/store/postgres/settings.ts";
import { ManualClock } from "./manual-clock.ts";

/**
 * A control plane on a fresh database (SQLite, unless said otherwise), with two organizations and a clock that stands
 * still. It has logs if asked.
 */
export interface TestControl extends AsyncDisposable {
  readonly control: Control;
  readonly clock: ManualClock;
  readonly organization: Organization;
  /** Another tenant. */
  readonly sibling: Organization;
  readonly admin: Person;
  /** Somebody of the first organization. */
  as(role: Exclude<Role, "site_admin">, organization?: Organization): Person;
}

export interface TestControlOptions {
  readonly limits?: Partial<Control["limits"]>;
  readonly log?: Log;
  /** Opens a real log store; without it every use of logs fails. */
  readonly hasLogs?: boolean;
  /** Where the rows are, if not in a SQLite database of its own. */
  readonly rows?: string | DatabasePlace;
}

/** What a server keeps for ever, as long as nothing else is said. */
export const keepAll: Retention = {
  runsMs: null,
  logsMs: null,
  configurationsMs: null,
  exitedAgentsMs: null,
  lostAgentsMs: null,
  states: null,
  auditMs: null,
  endedKeysMs: null,
};

/** What holds where nobody sets anything. */
const standard = defaultsOf(serverSettings);
const { silence, leases } = timingOf(standard);

export async function openTestControl({
  limits,
  log = silentLog(),
  hasLogs = false,
  rows,
}: TestControlOptions = {}): Promise<TestControl> {
  await using opening = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "windlass-control-"));
  opening.defer(() => rm(dir, { recursive: true, force: true }));
  const store = opening.use(
    await openStore(typeof rows === "object" ? rows : { url: rows ?? `sqlite:${join(dir, "rows.db")}` }),
  );
  const blobs = opening.use(await openBlobStore({ url: `files:${join(dir, "blobs")}` }));
  const clock = new ManualClock();
  const random: Random = systemRandom;
  const wake = new WakeUps(clock);
  const control: Control = {
    version: "0.0.0-test",
    name: "this-server",
    store,
    blobs,
    logs: hasLogs ? opening.use(await openLogStore({ url: `sqlite:${join(dir, "logs.db")}`, clock })) : noLogs,
    vault: createVault(new Uint8Array(32).fill(7), random),
    clock,
    random,
    wake,
    knownKeys: new KnownKeys(wake, clock, topics.key),
    presence: new Presence(),
    replicas: new Replicas(random.uuid()),
    documents: opening.use(new Documents(clock)),
    helloGate: new HelloGate(),
    logWindows: new LogWindows(clock),
    limits: { ...limitsOf(standard), ...limits },
    timing: {
      heartbeatMs: 10_000,
      ...{ silence, leases },
      restartGraceMs: 300_000,
      logGraceMs: 60_000,
      queueTimeoutMs: 86_400_000,
      planTimeoutMs: 7_200_000,
      applyTimeoutMs: 86_400_000,
      initTimeoutMs: 600_000,
    },
    retention: keepAll,
    observer: noObserver,
    web: { publicUrl: undefined },
    hiding: createHiding(clock),
    log,
  };
  const organization = await organizationNamed(store, organizationRow("acme", clock));
  const sibling = await organizationNamed(store, organizationRow("rival", clock));
  const owned = opening.move();
  return {
    control,
    clock,
    organization,
    sibling,
    admin: { kind: "api_key", id: newId("key", random), name: "root", role: "site_admin", organizationId: null },
    as: (role, { id } = organization) => ({
      kind: "api_key",
      id: newId("key", random),
      name: `an ${role}`,
      role,
      organizationId: id,
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The one that is there already, or a new one. */
const organizationNamed = (store: Store, row: Organization): Promise<Organization> =>
  store.write(async (tx) => {
    const present = await tx.organizations.byName(row.name);
    if (present === undefined) await tx.organizations.insert(row);
    return present ?? row;
  });

const organizationRow = (name: string, clock: ManualClock): Organization => ({
  id: newId("org", systemRandom),
  name,
  ...plainOrganization,
  maxAgents: 0,
  maxWorkspaces: 0,
  defaultExecutionMode: "remote",
  defaultEngine: "terraform",
  defaultEngineVersion: "",
  createdAt: clock.now(),
  updatedAt: clock.now(),
  version: 1,
});

const none = () => Promise.reject(new Error("this control plane has no logs"));
export const noLogs: LogStore = {
  append: none,
  nextOffset: none,
  seal: none,
  sealWithGap: none,
  reopen: none,
  read: none,
  times: none,
  list: none,
  archive: none,
  empty: none,
  space: none,
  giveBack: none,
  delete: none,
  [Symbol.asyncDispose]: async () => {},
};

/** A connected agent that remembers why it was closed. */
export function fakeConnectedAgent(
  agent: Pick<ConnectedAgent, "agentId" | "name" | "poolId"> &
    Partial<Pick<ConnectedAgent, "labels" | "engines" | "features" | "version">>,
): {
  readonly connected: ConnectedAgent;
  readonly closed: string[];
} {
  const closed: string[] = [];
  const connected: ConnectedAgent = {
    labels: {},
    engines: null,
    version: "0.0.0",
    features: new Set(jobFeatures),
    unmet: new Map(),
    ...agent,
    bootId: "",
    sessionEpoch: 1,
    concurrency: 1,
    jobs: new Map(),
    takesJobs: true,
    refusal: "",
    way: { problem: "", handsOver: false },
    whyDeclined: () => undefined,
    freeDiskBytes: 0n,
    heardAtMs: 0,
    heardAt: new Date(0),
    reserve: () => true,
    release: () => {},
    offer: async () => {},
    noteUnmet: () => {},
    warn: () => {},
    close: (reason) => void closed.push(reason),
  };
  return { connected, closed };
}

export const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
