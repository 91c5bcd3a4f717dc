import { create, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Run } from "../src/domain/runs/run.ts";
import { Readiness } from "../src/http/readiness.ts";
import { systemRandom } from "../src/lib/random.ts";
import { newId } from "../src/lib/words/ids.ts";
import { nameOf } from "../src/rpc/bodies/admission.ts";
import { gateFor, interceptorsFor } from "../src/rpc/interceptors.ts";
import { publishedMethods } from "./authorization/methods.ts";
import type { Place } from "./authorization/place.ts";
import type { Row } from "./authorization/row.ts";
import { isChange, matrix } from "./authorization/rows/index.ts";
import { openWorld, type PrincipalName, programs, type World } from "./authorization/world.ts";
import { enlarge, largeRun } from "./support/large-place.ts";
import { type Listener, listen } from "./support/listen.ts";
import * as rows from "./support/store/rows.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const kib = 1024;
const mib = 1024 * kib;

/** What stays small, whatever there is: not called with anything large. */
const small = 0;

/**
 * Every RPC, and how many bytes its largest answer has at least, all its pages or messages together: less would mean
 * that what it reads was not large. An RPC that is new has to say here how large it becomes.
 */
const leastBytes: Readonly<Record<string, number>> = {
  "externalscaler.ExternalScaler/GetMetricSpec": small,
  "externalscaler.ExternalScaler/GetMetrics": small,
  "externalscaler.ExternalScaler/IsActive": small,
  "externalscaler.ExternalScaler/StreamIsActive": small,
  "grpc.health.v1.Health/Check": small,
  "grpc.health.v1.Health/List": small,
  "grpc.health.v1.Health/Watch": small,
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": small,
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": small,
  "windlass.agent.v1.AgentGatewayService/Register": small,
  "windlass.agent.v1.AgentGatewayService/DownloadAgentRelease": small,
  "windlass.agent.v1.AgentGatewayService/GetAgentManifest": small,
  "windlass.agent.v1.AgentGatewayService/Session": small,
  "windlass.agent.v1.JobArtifactService/DownloadConfiguration": small,
  "windlass.agent.v1.JobArtifactService/DownloadPlan": small,
  "windlass.agent.v1.JobArtifactService/DownloadPlanFiles": small,
  "windlass.agent.v1.JobArtifactService/DownloadState": small,
  "windlass.agent.v1.JobArtifactService/GetProviders": small,
  "windlass.agent.v1.JobArtifactService/GetVariables": 2 * mib,
  "windlass.agent.v1.JobArtifactService/ListSharedStates": small,
  "windlass.agent.v1.JobArtifactService/UploadPart": small,
  "windlass.agent.v1.JobArtifactService/UploadPlan": small,
  "windlass.agent.v1.JobArtifactService/UploadState": small,
  "windlass.v1.AgentPoolService/AssignWorkspaces": 500 * kib,
  "windlass.v1.AgentPoolService/CreateAgentPool": small,
  "windlass.v1.AgentPoolService/DeleteAgentPool": small,
  "windlass.v1.AgentPoolService/GetAgentPool": 500 * kib,
  "windlass.v1.AgentPoolService/GetAgentPoolHistory": small,
  "windlass.v1.AgentPoolService/GetAgentPoolOverview": mib,
  "windlass.v1.AgentPoolService/GrantWorkspaces": 500 * kib,
  "windlass.v1.AgentPoolService/ListAgentPools": 500 * kib,
  "windlass.v1.AgentPoolService/ListQueuedJobs": small,
  "windlass.v1.AgentPoolService/RevokeWorkspaces": 500 * kib,
  "windlass.v1.AgentPoolService/UnassignWorkspaces": 500 * kib,
  "windlass.v1.AgentPoolService/UpdateAgentPool": 500 * kib,
  "windlass.v1.AgentService/DeleteAgent": small,
  "windlass.v1.AgentService/DrainAgent": mib,
  "windlass.v1.AgentService/GetAgent": mib,
  "windlass.v1.AgentService/ListAgentEvents": small,
  "windlass.v1.AgentService/ListAgentJobs": small,
  "windlass.v1.AgentService/ListAgents": 2 * mib,
  "windlass.v1.AgentService/PauseAgent": mib,
  "windlass.v1.AgentService/RemoveKeptDirectories": mib,
  "windlass.v1.AgentService/ResumeAgent": mib,
  "windlass.v1.AgentService/WatchAgents": 2 * mib,
  "windlass.v1.EventService/WatchEvents": small,
  "windlass.v1.AgentTokenService/CreateAgentToken": small,
  "windlass.v1.AgentTokenService/ListAgentTokens": 800 * kib,
  "windlass.v1.AgentTokenService/RevokeAgentToken": small,
  "windlass.v1.AgentTokenService/RotateAgentToken": small,
  "windlass.v1.AgentTokenService/CreateIdentityTrust": small,
  "windlass.v1.ApiKeyService/CreateApiKey": small,
  "windlass.v1.ApiKeyService/EndBrowserSession": small,
  "windlass.v1.ApiKeyService/GetApiKey": small,
  "windlass.v1.ApiKeyService/ListApiKeys": 400 * kib,
  "windlass.v1.ApiKeyService/ListBrowserSessions": 600 * kib,
  "windlass.v1.ApiKeyService/RevokeApiKey": small,
  "windlass.v1.ApiKeyService/RotateApiKey": small,
  "windlass.v1.AuditService/ExportAuditEvents": 2 * mib,
  "windlass.v1.AuditService/ListAuditEvents": 2 * mib,
  "windlass.v1.ConfigurationService/DownloadConfiguration": small,
  "windlass.v1.ConfigurationService/GetConfiguration": small,
  "windlass.v1.ConfigurationService/ListConfigurations": small,
  "windlass.v1.ConfigurationService/UploadConfiguration": small,
  "windlass.v1.OrganizationService/CreateOrganization": small,
  "windlass.v1.OrganizationService/DeleteOrganization": small,
  "windlass.v1.OrganizationService/GetOrganization": small,
  "windlass.v1.OrganizationService/ListOrganizations": small,
  "windlass.v1.OrganizationService/UpdateOrganization": small,
  "windlass.v1.ProviderSettingsService/DeleteProviderSettings": small,
  "windlass.v1.ProviderSettingsService/GetProviderSettings": small,
  "windlass.v1.ProviderSettingsService/UpdateProviderSettings": small,
  "windlass.v1.RunService/CancelRun": mib,
  "windlass.v1.RunService/CheckRun": small,
  "windlass.v1.RunService/CommentRun": small,
  "windlass.v1.RunService/ConfirmRun": mib,
  "windlass.v1.RunService/CreateRun": 900 * kib,
  "windlass.v1.RunService/DiscardRun": mib,
  "windlass.v1.RunService/ForceExecuteRun": mib,
  "windlass.v1.RunService/GetRun": mib,
  "windlass.v1.RunService/GetRunLogLines": small,
  "windlass.v1.RunService/GetRunPlan": 4 * mib,
  "windlass.v1.RunService/ListLostResources": 200 * kib,
  "windlass.v1.RunService/ListRunEvents": 3 * mib,
  "windlass.v1.RunService/ListRuns": mib,
  "windlass.v1.RunService/ResolveRun": mib,
  "windlass.v1.RunService/RetryRun": 900 * kib,
  "windlass.v1.RunService/SearchRunLogs": small,
  "windlass.v1.RunService/SetRunPriority": mib,
  "windlass.v1.RunService/StreamRunLogs": small,
  "windlass.v1.RunService/WatchRun": 300 * kib,
  "windlass.v1.StateService/AdoptState": small,
  "windlass.v1.StateService/DiffStates": mib,
  "windlass.v1.StateService/DownloadState": 10 * mib,
  "windlass.v1.StateService/DropState": small,
  "windlass.v1.StateService/GetOutputs": 5 * mib,
  "windlass.v1.StateService/GetStateVersion": small,
  "windlass.v1.StateService/ListStateResources": 2 * mib,
  "windlass.v1.StateService/ListStateVersions": small,
  "windlass.v1.StateService/RollbackState": small,
  "windlass.v1.StateService/UploadState": small,
  "windlass.v1.UploadService/UploadPart": small,
  "windlass.v1.SystemService/FindIds": small,
  "windlass.v1.SystemService/GetAttention": small,
  "windlass.v1.SystemService/GetServerInfo": small,
  "windlass.v1.SystemService/GetStats": small,
  "windlass.v1.SystemService/ListReplicas": small,
  "windlass.v1.SystemService/Probe": small,
  "windlass.v1.SystemService/StreamProbe": small,
  "windlass.v1.SystemService/WhoAmI": small,
  "windlass.v1.VariableService/DeleteVariable": small,
  "windlass.v1.VariableService/ListEffectiveVariables": 6 * mib,
  "windlass.v1.VariableService/ListVariables": 3 * mib,
  "windlass.v1.VariableService/SetVariables": mib,
  "windlass.v1.VariableSetService/AttachVariableSet": 400 * kib,
  "windlass.v1.VariableSetService/CreateVariableSet": small,
  "windlass.v1.VariableSetService/DeleteVariableSet": small,
  "windlass.v1.VariableSetService/DetachVariableSet": 400 * kib,
  "windlass.v1.VariableSetService/GetVariableSet": 400 * kib,
  "windlass.v1.VariableSetService/ListVariableSets": 400 * kib,
  "windlass.v1.VariableSetService/UpdateVariableSet": 400 * kib,
  "windlass.v1.WorkspaceService/CreateWorkspace": small,
  "windlass.v1.WorkspaceService/DeleteWorkspace": small,
  "windlass.v1.WorkspaceService/GetWorkspace": small,
  "windlass.v1.WorkspaceService/ListWorkspaces": mib,
  "windlass.v1.WorkspaceService/LockWorkspace": small,
  "windlass.v1.WorkspaceService/UnlockWorkspace": small,
  "windlass.v1.WorkspaceService/UpdateWorkspace": small,
};

let world: World;
let listener: Listener;
let client: Client;

beforeAll(async () => {
  world = await openWorld();
  const { control, routes, callers } = world;
  await enlarge(control, world.places.own);
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes, readiness: new Readiness(), log: control.log },
    ...{ interceptors: interceptorsFor(control, callers), gate: gateFor(control, callers) },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  listener = opened.listener;
  client = new Client(new URL(listener.url).host, credentials.createInsecure());
});
afterAll(async () => {
  client.close();
  await listener.close(0);
  await world[Symbol.asyncDispose]();
});

test("every RPC says how large its answers become", async () => {
  expect(Object.keys(leastBytes).sort()).toEqual((await publishedMethods()).map(nameOf).sort());
});

/** In which state a change needs a run that is as large as it can be. */
const runsFor: Readonly<Record<string, Partial<Run>>> = {
  RetryRun: { status: "errored", endedAt: rows.at(2) },
  ResolveRun: { status: "errored", endedAt: rows.at(2) },
  SetRunPriority: { status: "pending" },
  ForceExecuteRun: { status: "pending" },
  CancelRun: { status: "pending" },
  ConfirmRun: { status: "planned", hasChanges: true },
  DiscardRun: { status: "planned", hasChanges: true },
};

/** Where a call that is not small finds what it names. */
async function placeOf({ method }: Row): Promise<Place> {
  const { own } = world.places;
  const change = runsFor[method.name];
  if (change === undefined) return own;
  const { control } = world;
  const id = newId("run", systemRandom);
  await control.store.write(async (tx) => {
    const like = await tx.runs.get(own.planned as Run["id"]);
    const workspace = like === undefined ? undefined : await tx.workspaces.get(like.workspaceId);
    if (like === undefined || workspace === undefined) throw new Error("the place has no planned run");
    const ws = { ...workspace, id: newId("ws", systemRandom), name: `of-${method.name}` };
    const holder = method.name === "ForceExecuteRun" ? newId("run", systemRandom) : id;
    await tx.workspaces.insert({ ...ws, lock: { kind: "run", runId: holder, at: control.clock.now() } });
    const cv = rows.configuration({ organizationId: ws.organizationId, workspaceId: ws.id });
    const configurationId = newId("cv", systemRandom);
    await tx.configurations.insert({ ...cv, id: configurationId });
    await tx.runs.insert({ ...like, ...largeRun(own), ...change, id, workspaceId: ws.id, configurationId });
    if (holder !== id) await tx.runs.insert({ ...like, id: holder, workspaceId: ws.id });
    const job = { organizationId: ws.organizationId, workspaceId: ws.id, runId: id, poolId: ws.poolId };
    await tx.jobs.insert(rows.job({ ...job, id: newId("job", systemRandom), status: "finished", epoch: 1 }));
  });
  return { ...own, run: id, planned: id };
}

/** Requests that bring themselves what is large. */
const largeRequests: Readonly<Record<string, (place: Place) => object>> = {
  CreateRun: ({ workspace }) => ({
    workspace,
    options: {
      targets: Array.from({ length: 100 }, () => "€".repeat(1_024)),
      replacements: Array.from({ length: 100 }, () => "€".repeat(1_024)),
      variables: Array.from({ length: 100 }, (_, n) => ({ key: `v${n}`, value: "x".repeat(4_000) })),
    },
  }),
  SetVariables: ({ workspace }) => ({
    workspace,
    variables: Array.from({ length: 500 }, (_, n) => ({
      ...{ key: `k${String(n).padStart(6, "0")}`.padEnd(128, "x"), value: "w".repeat(2_000) },
      description: "€".repeat(512),
    })),
  }),
};

function secretFor({ admits }: Row): string {
  if (admits === "anybody") return "";
  const who: PrincipalName = Array.isArray(admits)
    ? (programs.find((one) => admits.includes(one)) ?? "nobody")
    : "site admin";
  return world.credentials[who];
}

interface Answers {
  readonly messages: readonly Buffer[];
  readonly error?: ServiceError | undefined;
}

const own = (bytes: Buffer): Buffer => bytes;

/**
 * Makes a call of any kind with a client that nobody has configured; of a stream that does not end the first messages
 * are read.
 */
function call(method: DescMethod, secret: string, requests: readonly Message[]): Promise<Answers> {
  const path = `/${method.parent.typeName}/${method.name}`;
  const metadata = new Metadata();
  if (secret !== "") metadata.set("authorization", `Bearer ${secret}`);
  const options = { deadline: Date.now() + 60_000 };
  const stream = client.makeBidiStreamRequest(path, own, own, metadata, options);
  const messages: Buffer[] = [];
  const isEndless = method.methodKind === "bidi_streaming" || /^Watch|^StreamIsActive$/.test(method.name);
  return new Promise((done) => {
    stream.on("data", (message: Buffer) => {
      messages.push(message);
      if (isEndless && isComplete(method, message)) stream.cancel();
    });
    stream.on("error", (error: ServiceError) =>
      done({ messages, ...(isEndless && messages.length > 0 && error.code === 1 ? {} : { error }) }),
    );
    stream.on("end", () => done({ messages }));
    for (const request of requests) stream.write(Buffer.from(toBinary(method.input, request)));
    if (method.methodKind !== "bidi_streaming") stream.end();
  });
}

function isComplete(method: DescMethod, message: Buffer): boolean {
  const answer = fromBinary(method.output, message) as unknown as { readonly snapshotComplete?: boolean };
  return answer.snapshotComplete ?? true;
}

/** Every page of an answer, or all messages of a stream. */
async function answers(row: Row, request: object | readonly object[]): Promise<Answers> {
  const { method } = row;
  const requests = Array.isArray(request) ? request : [request];
  const isPaged = method.input.field.pageToken !== undefined;
  const all: Buffer[] = [];
  for (let pageToken = ""; all.length < 200; ) {
    const page = isPaged ? { pageSize: 1_000, pageToken } : {};
    const sent = requests.map((one) => create(method.input, { ...one, ...page }));
    const { messages, error } = await call(method, secretFor(row), sent);
    all.push(...messages);
    const [answer] = messages;
    if (error !== undefined || !isPaged || answer === undefined) return { messages: all, error };
    pageToken = (fromBinary(method.output, answer) as unknown as { nextPageToken: string }).nextPageToken;
    if (pageToken === "") return { messages: all };
  }
  throw new Error(`${method.name} does not come to an end`);
}

const isRefusal = ({ code }: ServiceError) => [3, 5, 6, 7, 9].includes(code);

const inOrder = [...matrix.filter((row) => !isChange(row)), ...matrix.filter(isChange)];

test.each(inOrder.map((row) => [nameOf(row.method), row] as const))(
  "%s is read by a client with default limits",
  async (name, row) => {
    const least = leastBytes[name] ?? small;
    const isOwn = least > small || !isChange(row);
    const place = isOwn ? await placeOf(row) : await world.fresh("own");
    const request = largeRequests[row.method.name]?.(place) ?? row.request({ place, agent: world.agents.own });
    const { messages, error } = await answers(row, request);
    if (error !== undefined && !(least === small && isRefusal(error))) throw error;
    const sizes = messages.map(({ length }) => length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThanOrEqual(least);
    if (row.method.input.field.pageToken === undefined && row.method.name !== "WatchAgents") return;
    for (const message of messages) expect(rowsOrBytes(row.method, message)).toBe("within 1 MiB, or one row");
  },
);

function rowsOrBytes({ output }: DescMethod, message: Buffer): string {
  const answer = fromBinary(output, message) as unknown as Readonly<Record<string, unknown>>;
  const lists = Object.values(answer).filter((value) => Array.isArray(value));
  const count = lists.reduce((sum, list) => sum + list.length, 0);
  return message.length <= mib || count === 1 ? "within 1 MiB, or one row" : `${count} rows of ${message.length} bytes`;
}
