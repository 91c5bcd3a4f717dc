import { join } from "node:path";
import type { Transport } from "@connectrpc/connect";
import { createPool } from "../../src/control/agents/pools.ts";
import { createAgentToken } from "../../src/control/agents/tokens.ts";
import { type Control, topics } from "../../src/control/core/control.ts";
import { KnownKeys } from "../../src/control/core/credentials.ts";
import { HelloGate } from "../../src/control/core/hello-gate.ts";
import { noObserver } from "../../src/control/core/observer.ts";
import { Presence } from "../../src/control/core/presence.ts";
import { Replicas } from "../../src/control/core/replicas.ts";
import { createVault } from "../../src/control/core/vault.ts";
import { Documents, type Sources } from "../../src/control/documents/documents.ts";
import type { Answer, Question } from "../../src/control/documents/questions.ts";
import { graceAfterStart } from "../../src/control/runs/sweeper.ts";
import { Liveness } from "../../src/control/sessions/liveness.ts";
import { createWorkspace } from "../../src/control/workspaces/workspaces.ts";
import { plainOrganization } from "../../src/domain/people/organization.ts";
import type { Person } from "../../src/domain/people/principal.ts";
import { plainConfiguration } from "../../src/domain/workspaces/configuration.ts";
import { AgentGatewayService } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobArtifactService } from "../../src/gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { LogWindows } from "../../src/lib/async/log-windows.ts";
import { WakeUps } from "../../src/lib/async/wake-ups.ts";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import { type Log, silentLog } from "../../src/lib/program/log.ts";
import type { Random } from "../../src/lib/random.ts";
import { defaultsOf } from "../../src/lib/settings.ts";
import { newId, type OrganizationId, type WorkspaceId } from "../../src/lib/words/ids.ts";
import { inProcessTransport } from "../../src/rpc/in-process.ts";
import { interceptorsFor } from "../../src/rpc/interceptors.ts";
import { agentGatewayService } from "../../src/rpc/services/agent-gateway.ts";
import { jobArtifactService } from "../../src/rpc/services/job-artifact.ts";
import { createHiding } from "../../src/server/hide-secrets.ts";
import { limitsOf, timingOf } from "../../src/server/settings.ts";
import { serverSettings } from "../../src/settings/server.ts";
import { openBlobStore, openStore } from "../../src/store/open.ts";
import type { BlobStore } from "../../src/store/ports/blobs.ts";
import type { Store } from "../../src/store/ports/store.ts";
import { keepAll } from "../support/control.ts";
import { newPool, newWorkspace, ref } from "../support/wanted.ts";
import { Beginning } from "./beginning.ts";
import { DirectLogStore } from "./direct-log-store.ts";
import { Power, poweredBlobs, poweredLogs, poweredStore } from "./power.ts";
import type { Spoil } from "./spoils.ts";
import { counted } from "./turns.ts";

/** What holds where nobody sets anything. */
const standard = defaultsOf(serverSettings);
const { silence, leases } = timingOf(standard);

const generation = "00000000-0000-4000-8000-000000000001";
export const workspaceName = "net";

export const operator = (organizationId: Person["organizationId"]): Person => ({
  kind: "api_key",
  id: "key_00000000000000000000000001",
  name: "an operator",
  role: "owner",
  organizationId,
});

export interface ControlPlaneOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Told, in the moment of it, that a process has died. */
  readonly onDeath: () => void;
  readonly spoil?: Spoil;
}

/** One process of the control plane: the real use cases and services over files that outlive it. */
export class ControlPlane {
  readonly control: Control;
  readonly liveness = new Liveness();
  readonly power: Power;
  /** Reaches the services as agents do, with their credentials. */
  readonly transport: Transport;
  readonly logFile: DirectLogStore;
  /** Beside the process: for whoever checks. */
  readonly rows: Store;

  private constructor({ storage, clock, random, log, onDeath, spoil }: ControlPlaneOptions) {
    const { rows, blobs, logFile } = storage;
    this.power = new Power(onDeath);
    this.rows = rows;
    this.logFile = logFile;
    this.control = {
      ...controlOver(storage, { clock, random, log }),
      store: poweredStore(spoil?.store?.(rows) ?? rows, this.power),
      logs: poweredLogs(spoil?.logs?.(logFile) ?? logFile, this.power),
      blobs: poweredBlobs(blobs, this.power),
      presence: spoil?.presence?.() ?? new Presence(),
    };
    this.transport = inProcessTransport({
      routes: (router) => {
        router
          .service(AgentGatewayService, agentGatewayService(this.control, this.liveness, generation))
          .service(JobArtifactService, jobArtifactService(this.control));
      },
      interceptors: interceptorsFor(this.control),
    });
  }

  /** Starts a process as windlassd does: every lease gets its grace first. */
  static async start(options: ControlPlaneOptions): Promise<ControlPlane> {
    const started = new ControlPlane(options);
    await graceAfterStart(started.control);
    return started;
  }
}

type Tools = Pick<Control, "clock" | "random" | "log">;

/** Time does not go on while the thread reads. */
class CountedDocuments extends Documents {
  override ask<Q extends Question>(question: Q, sources: Sources): Promise<Answer<Q>> {
    return counted(super.ask(question, sources));
  }
}

/** One for all schedules: its thread lives outside of them. */
const documents = new CountedDocuments(systemClock);

const controlOver = (
  { rows, blobs }: Pick<Storage, "rows" | "blobs">,
  { clock, random, log }: Tools,
  wake = new WakeUps(clock),
) => ({
  version: "0.0.0-model",
  name: "model",
  store: rows,
  blobs,
  vault: createVault(new Uint8Array(32).fill(7), random),
  ...{ clock, random, log },
  wake,
  knownKeys: new KnownKeys(wake, clock, topics.key),
  presence: new Presence(),
  replicas: new Replicas("model"),
  observer: noObserver,
  documents,
  hiding: createHiding(clock),
  helloGate: new HelloGate(),
  logWindows: new LogWindows(clock),
  limits: limitsOf(standard),
  retention: keepAll,
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
});

type Parts = Pick<Storage, "dir" | "rows" | "blobs" | "logFile" | "owner" | "agentToken" | "workspaceId">;

/**
 * A control plane's files with a pool, a workspace that uses it and a configuration. Opened once, because that takes
 * longer than a schedule; each schedule finds them as the first one did.
 */
export class Storage implements AsyncDisposable {
  readonly dir: string;
  readonly rows: Store;
  readonly blobs: BlobStore;
  readonly logFile: DirectLogStore;
  readonly owner: Person;
  readonly agentToken: { readonly id: string; readonly secret: string };
  readonly workspaceId: WorkspaceId;
  readonly #owned: AsyncDisposableStack;
  readonly #beginning: Beginning;

  private constructor(parts: Parts, owned: AsyncDisposableStack) {
    this.dir = parts.dir;
    this.rows = parts.rows;
    this.blobs = parts.blobs;
    this.logFile = parts.logFile;
    this.owner = parts.owner;
    this.agentToken = parts.agentToken;
    this.workspaceId = parts.workspaceId;
    this.#owned = owned;
    this.#beginning = owned.use(new Beginning(join(parts.dir, "rows.db")));
  }

  /** Makes the files below `dir`, which exists. */
  static async make(dir: string, clock: Clock, random: Random): Promise<Storage> {
    await using opening = new AsyncDisposableStack();
    const rows = opening.use(await openStore({ url: `sqlite:${join(dir, "rows.db")}` }));
    const blobs = opening.use(await openBlobStore({ url: `files:${join(dir, "blobs")}` }));
    const logFile = opening.use(new DirectLogStore(join(dir, "logs.db"), clock));
    const organizationId = newId("org", random);
    const owner = operator(organizationId);
    const log = silentLog();
    const control: Control = { ...controlOver({ rows, blobs }, { clock, random, log }), logs: logFile };
    const workspaceId = await furnish(control, owner, organizationId);
    const wanted = { pool: ref("prod"), description: "", expiresInMs: 0 };
    const { token, secret } = await createAgentToken(control, owner, wanted);
    const agentToken = { id: token.id, secret };
    return new Storage({ dir, rows, blobs, logFile, owner, agentToken, workspaceId }, opening.move());
  }

  /** Makes the rows what they were in the beginning. */
  reset(): void {
    this.#beginning.restore();
    this.logFile.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }
}

async function furnish(control: Control, owner: Person, id: OrganizationId): Promise<WorkspaceId> {
  const now = control.clock.now();
  const organization = {
    id,
    name: "acme",
    ...plainOrganization,
    maxAgents: 0,
    maxWorkspaces: 0,
    defaultExecutionMode: "remote" as const,
    defaultEngine: "terraform" as const,
    defaultEngineVersion: "",
    createdAt: now,
    updatedAt: now,
    version: 1,
  };
  await control.store.write((tx) => tx.organizations.insert(organization));
  await createPool(control, owner, newPool("prod"));
  const settings = { executionMode: "agent", pool: "prod", isAutoApply: true } as const;
  const { workspace } = await createWorkspace(control, owner, newWorkspace(workspaceName, settings));
  await control.store.write((tx) =>
    tx.configurations.insert({
      id: newId("cv", control.random),
      organizationId: id,
      workspaceId: workspace.id,
      blobKey: "00",
      bytes: 1,
      sha256: "00",
      ...plainConfiguration,
      fileCount: 1,
      createdBy: "an operator",
      createdAt: now,
    }),
  );
  return workspace.id;
}
