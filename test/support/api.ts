import { createHash, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.ts";
import { type Agent, type AgentStatus, AgentStatusSchema } from "../../src/gen/windlass/v1/agent_pb.ts";
import { AgentPoolService } from "../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../../src/gen/windlass/v1/agent_service_pb.ts";
import { AgentTokenService } from "../../src/gen/windlass/v1/agent_token_service_pb.ts";
import { ApiKeyService } from "../../src/gen/windlass/v1/api_key_service_pb.ts";
import { AuditService } from "../../src/gen/windlass/v1/audit_service_pb.ts";
import {
  ConfigurationService,
  UploadConfigurationRequestSchema,
} from "../../src/gen/windlass/v1/configuration_service_pb.ts";
import { OrganizationService } from "../../src/gen/windlass/v1/organization_service_pb.ts";
import { ProviderSettingsService } from "../../src/gen/windlass/v1/provider_settings_service_pb.ts";
import {
  LogState,
  type Run,
  type RunOptionsSchema,
  RunPhase,
  RunState,
  RunStateSchema,
} from "../../src/gen/windlass/v1/run_pb.ts";
import { RunService } from "../../src/gen/windlass/v1/run_service_pb.ts";
import type { StateVersion } from "../../src/gen/windlass/v1/state_pb.ts";
import { StateService } from "../../src/gen/windlass/v1/state_service_pb.ts";
import type { VariableSchema } from "../../src/gen/windlass/v1/variable_pb.ts";
import { VariableService } from "../../src/gen/windlass/v1/variable_service_pb.ts";
import { VariableSetService } from "../../src/gen/windlass/v1/variable_set_service_pb.ts";
import { ExecutionMode, type Workspace, type WorkspaceSchema } from "../../src/gen/windlass/v1/workspace_pb.ts";
import { WorkspaceService } from "../../src/gen/windlass/v1/workspace_service_pb.ts";
import { packDirectory } from "../../src/lib/archive/pack.ts";
import { type Patience, until } from "./until.ts";

const services = {
  agents: AgentService,
  apiKeys: ApiKeyService,
  audit: AuditService,
  configurations: ConfigurationService,
  organizations: OrganizationService,
  pools: AgentPoolService,
  runs: RunService,
  states: StateService,
  tokens: AgentTokenService,
  variables: VariableService,
  variableSets: VariableSetService,
  providerSettings: ProviderSettingsService,
  workspaces: WorkspaceService,
} as const;

type Clients = { readonly [Name in keyof typeof services]: Client<(typeof services)[Name]> };

export type RunOptions = MessageInitShape<typeof RunOptionsSchema>;

/** The states in which a run has ended. */
export const finalStates: readonly RunState[] = [
  RunState.PLANNED_AND_FINISHED,
  RunState.APPLIED,
  RunState.DISCARDED,
  RunState.ERRORED,
  RunState.CANCELED,
  RunState.FORCE_CANCELED,
];

export const isFinal = (run: Run): boolean => finalStates.includes(run.state);

/** A log as the API tells it. */
export interface ReadLog {
  readonly bytes: Buffer;
  readonly text: string;
  readonly missingBytes: number;
}

/** The server's API as the tests use it: stock gRPC clients, and the steps that nearly every test takes. */
export class Api implements Disposable {
  readonly clients: Clients;
  readonly #sessions: Http2SessionManager;

  /** `ca` is the authority, in PEM, of a server that speaks TLS. */
  constructor(url: string, token: string, ca?: string) {
    this.#sessions = new Http2SessionManager(url, {}, ca === undefined ? {} : { ca });
    const bearer: Interceptor = (next) => (request) => {
      request.header.set("authorization", `Bearer ${token}`);
      return next(request);
    };
    const transport = createGrpcTransport({ baseUrl: url, interceptors: [bearer], sessionManager: this.#sessions });
    this.clients = Object.fromEntries(
      Object.entries(services).map(([name, service]) => [name, createClient(service, transport)]),
    ) as unknown as Clients;
  }

  [Symbol.dispose](): void {
    this.#sessions.abort();
  }

  /** Creates a pool, open to the whole organization unless workspaces are named, and answers its name. */
  async pool({ grants }: { readonly grants?: readonly string[] } = {}): Promise<string> {
    const name = freshName("pool");
    await this.clients.pools.createAgentPool({
      name,
      organizationScoped: grants === undefined,
      grantedWorkspaces: [...(grants ?? [])],
    });
    return name;
  }

  /** Creates a token of a pool and answers its secret. */
  async token(agentPool: string): Promise<{ readonly id: string; readonly secret: string }> {
    const { agentToken, secret } = await this.clients.tokens.createAgentToken({ agentPool });
    return { id: present(agentToken).id, secret };
  }

  /** Creates a workspace: in agent mode if a pool is named, else in remote mode. */
  async workspace(settings: MessageInitShape<typeof WorkspaceSchema> = {}): Promise<string> {
    const name = settings.name ?? freshName("ws");
    const executionMode = settings.agentPool === undefined ? ExecutionMode.REMOTE : ExecutionMode.AGENT;
    await this.clients.workspaces.createWorkspace({ workspace: { executionMode, ...settings, name } });
    return name;
  }

  async getWorkspace(workspace: string): Promise<Workspace> {
    return present((await this.clients.workspaces.getWorkspace({ workspace })).workspace);
  }

  /** Sets variables of a workspace. */
  async set(workspace: string, variables: readonly MessageInitShape<typeof VariableSchema>[]): Promise<void> {
    await this.clients.variables.setVariables({ workspace, variables: [...variables] });
  }

  /** Packs and uploads a directory and answers the id of the configuration version. */
  async upload(workspace: string, directory: string): Promise<string> {
    await using packed = await packDirectory(directory, { maxBytes: 64 * 1024 * 1024 });
    return this.uploadArchive(workspace, await readFile(packed.file));
  }

  /** Uploads bytes as they are. */
  async uploadArchive(workspace: string, archive: Uint8Array): Promise<string> {
    const sha256 = createHash("sha256").update(archive).digest("hex");
    const parts = async function* () {
      const header = { workspace, sizeBytes: BigInt(archive.length), sha256 };
      yield create(UploadConfigurationRequestSchema, { part: { case: "header", value: header } });
      for (let at = 0; at < archive.length; at += 64 * 1024) {
        const value = archive.subarray(at, at + 64 * 1024);
        yield create(UploadConfigurationRequestSchema, { part: { case: "chunk", value } });
      }
    };
    const { configurationVersion } = await this.clients.configurations.uploadConfiguration(parts());
    return present(configurationVersion).id;
  }

  /** Starts a run of the newest configuration and answers its id. */
  async start(workspace: string, options: RunOptions = {}): Promise<string> {
    const { run } = await this.clients.runs.createRun({ workspace, options, requestId: randomUUID() });
    return present(run).id;
  }

  async run(runId: string): Promise<Run> {
    return present((await this.clients.runs.getRun({ runId })).run);
  }

  /** Waits until a run is as wanted. A server that is away for a while is waited for. */
  async runWhen(runId: string, awaited: string, isSo: (run: Run) => boolean, patience?: Patience): Promise<Run> {
    let last: Run | undefined;
    const look = async () => {
      last = await this.run(runId).catch(ignoreUnavailable);
      return last !== undefined && isSo(last) ? last : undefined;
    };
    return until(`run ${runId}: ${awaited}`, look, { seen: () => last, ...patience });
  }

  /** Waits for one state; a run that ends in another one fails at once. */
  async runIn(runId: string, state: RunState, patience?: Patience): Promise<Run> {
    const isSo = (run: Run) => run.state === state || isFinal(run);
    const run = await this.runWhen(runId, `is ${nameOf(state)}`, isSo, { deadlineMs: 40_000, ...patience });
    if (run.state === state) return run;
    const log = await this.wholeLog(runId).catch(String);
    throw new Error(`run ${runId} is ${nameOf(run.state)}, not ${nameOf(state)}: ${run.errorMessage}\n${log}`);
  }

  /** Starts a run and waits until it has ended or waits for a person. */
  async planned(workspace: string, options: RunOptions = {}): Promise<Run> {
    const id = await this.start(workspace, options);
    return this.runWhen(id, "is planned", (run) => run.state === RunState.PLANNED || isFinal(run), {
      deadlineMs: 40_000,
    });
  }

  /** Starts a run that applies by itself and waits for its end. */
  async applied(workspace: string, options: RunOptions = {}): Promise<Run> {
    return this.ended(await this.start(workspace, { ...options, autoApply: true }));
  }

  /** Waits for a run's end and for its logs to be closed, whole or not. */
  ended(runId: string, patience?: Patience): Promise<Run> {
    const isSo = (run: Run) =>
      isFinal(run) && (run.plan?.epoch ?? 0n) > 0n === hasClosedLog(run.plan) && hasClosedLog(run.apply, true);
    return this.runWhen(runId, "has ended", isSo, { deadlineMs: 60_000, ...patience });
  }

  async confirm(runId: string, planSha256 = ""): Promise<Run> {
    return present((await this.clients.runs.confirmRun({ runId, planSha256 })).run);
  }

  /** The whole log of a phase; with `follow` the call ends when the log does. Fails when offsets do not join. */
  async log(runId: string, phase: RunPhase, follow = true): Promise<ReadLog> {
    const pieces: Uint8Array[] = [];
    let offset = 0n;
    let missingBytes = 0;
    for await (const piece of this.clients.runs.streamRunLogs({ runId, phase, follow })) {
      if (piece.offset !== offset) throw new Error(`log bytes at ${piece.offset} instead of ${offset}`);
      pieces.push(piece.chunk);
      offset += BigInt(piece.chunk.length);
      missingBytes = Number(piece.missingBytes);
    }
    const bytes = Buffer.concat(pieces);
    return { bytes, text: bytes.toString("utf8"), missingBytes };
  }

  /** Both logs as they are now, for messages and searches. */
  async wholeLog(runId: string): Promise<string> {
    const phases = [RunPhase.PLAN, RunPhase.APPLY];
    return (await Promise.all(phases.map((phase) => this.log(runId, phase, false)))).map(({ text }) => text).join("\n");
  }

  /** Outputs of the current state, decoded. */
  async outputs(workspace: string): Promise<Readonly<Record<string, unknown>>> {
    const { outputs } = await this.clients.states.getOutputs({ workspace, pageSize: 1000 });
    return Object.fromEntries(
      outputs.map(({ name, valueJson }) => [name, valueJson === "" ? undefined : JSON.parse(valueJson)]),
    );
  }

  /** The current state as terraform wrote it. */
  async state(workspace: string): Promise<State> {
    const pieces: Uint8Array[] = [];
    for await (const { chunk } of this.clients.states.downloadState({ workspace })) pieces.push(chunk);
    return JSON.parse(Buffer.concat(pieces).toString("utf8"));
  }

  async stateVersions(workspace: string): Promise<readonly StateVersion[]> {
    return (await this.clients.states.listStateVersions({ workspace })).stateVersions;
  }

  /** Waits until an agent of that name has that status. */
  async agentWhen(name: string, status: AgentStatus, patience?: Patience): Promise<Agent> {
    let last: readonly Agent[] = [];
    const look = async () => {
      last = (await this.clients.agents.listAgents({ includeExited: true }).catch(ignoreUnavailable))?.agents ?? [];
      return last.find((agent) => agent.name === name && agent.status === status);
    };
    return until(`agent ${name} is ${AgentStatusSchema.value[status]?.localName}`, look, {
      seen: () => last,
      ...patience,
    });
  }
}

/** What the tests read of a state file. */
export interface State {
  readonly serial: number;
  readonly lineage: string;
  readonly resources: readonly {
    readonly type: string;
    readonly name: string;
    readonly instances: readonly unknown[];
  }[];
}

const nameOf = (state: RunState): string => RunStateSchema.value[state]?.localName ?? String(state);

/** A valid name that nothing else has. */
export const freshName = (kind: string): string => `${kind}-${randomUUID().slice(0, 8)}`;

function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new Error("the answer is empty");
  return value;
}

function ignoreUnavailable(error: unknown): undefined {
  if (ConnectError.from(error).code !== Code.Unavailable) throw error;
}

/** What a refusal says. */
export interface Refusal {
  readonly code: string;
  readonly reason: string;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Expects a call to be refused, and answers how. */
export async function refusalOf(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  if (error === undefined) throw new Error("the call was expected to be refused");
  const [facts] = error.findDetails(ErrorInfoSchema);
  const metadata = facts?.metadata ?? {};
  return { code: Code[error.code], reason: facts?.reason ?? "", message: error.rawMessage, metadata };
}

const hasClosedLog = (phase: Run["plan"], otherwise = false): boolean =>
  phase === undefined ? otherwise : phase.logState !== LogState.UNSPECIFIED && phase.logState !== LogState.OPEN;
