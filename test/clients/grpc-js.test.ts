import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ServiceError, status } from "@grpc/grpc-js";
import { create as createArchive } from "tar";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { useStage } from "../support/stage.ts";
import { type AgentConversation, registerAgent, startConversation } from "./agent-conversation.ts";
import { loadServices, type Message, PlainClient, textAt } from "./plain-grpc.ts";
import { protoFiles } from "./proto-files.ts";

const services = loadServices(protoFiles());
const log = "Hello from a client that knows only proto/\n";

const stage = useStage();
let apiKey: string;
let client: PlainClient;
let archive: Buffer;

const as = (rpc: string, token = apiKey) => ({ rpc, token });
const person = (method: string, request: Message = {}) => client.unary(as(`windlass.v1.${method}`), request);

beforeAll(async () => {
  apiKey = (await readFile(stage.server.adminTokenFile, "utf8")).trim();
  client = new PlainClient({ url: stage.server.url, services });
  archive = await helloArchive();
});
afterAll(() => client[Symbol.dispose]());

describe("@grpc/grpc-js with nothing but proto files", () => {
  test.each(["v1", "v1alpha"])("reflection %s lists every service of proto/ and itself", async (version) => {
    const stream = client.talk({ rpc: `grpc.reflection.${version}.ServerReflection/ServerReflectionInfo` });
    stream.write({ listServices: "" });
    stream.end();
    const [answer] = (await stream.toArray()) as [Message];
    const listed = (answer.listServicesResponse as { service: { name: string }[] }).service.map(({ name }) => name);
    const described = [...services.keys()];
    expect(listed).toEqual(expect.arrayContaining(described));
  });

  test("health says that it serves", async () => {
    const check = { rpc: "grpc.health.v1.Health/Check" };
    expect(await client.unary(check, {})).toMatchObject({ status: "SERVING" });
    expect(await client.unary(check, { service: "windlass.v1.RunService" })).toMatchObject({ status: "SERVING" });
  });

  test("what changes is told from a cursor on", async () => {
    for await (const first of client.download(as("windlass.v1.EventService/WatchEvents"), {})) {
      expect(first).toMatchObject({ events: [], cursor: expect.stringMatching(/\.\d+$/) });
      break;
    }
  });

  test("the server describes itself and its caller", async () => {
    expect(await client.unary({ rpc: "windlass.v1.SystemService/GetServerInfo" }, {})).toMatchObject({
      database: "sqlite",
    });
    expect(await person("SystemService/WhoAmI")).toMatchObject({
      kind: "SUBJECT_KIND_API_KEY",
      role: "ROLE_SITE_ADMIN",
    });
    expect(await person("OrganizationService/ListOrganizations")).toMatchObject({
      organizations: [{ name: "default" }],
    });
  });

  test("an error carries its code, its sentence and an ErrorInfo", async () => {
    const error = await person("AgentPoolService/GetAgentPool", { agentPool: "nowhere" }).catch((e: ServiceError) => e);
    // As it is: what encodes more than gRPC does is shown encoded.
    const sentence = 'agent pool "nowhere" does not exist, or you may not see it';
    expect(error).toMatchObject({ code: status.NOT_FOUND, details: sentence });
    const [details] = (error as ServiceError).metadata.get("grpc-status-details-bin");
    expect(String(details)).toContain("type.googleapis.com/google.rpc.ErrorInfo");
    const stranger = client.unary({ rpc: "windlass.v1.AgentPoolService/ListAgentPools" }, {});
    await expect(stranger).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
  });

  test("a pool, a token, a workspace and its variables are made and read", async () => {
    await person("AgentPoolService/CreateAgentPool", {
      name: "prod",
      organizationScoped: false,
      grantedWorkspaces: ["hello"],
    });
    expect(await person("AgentPoolService/ListAgentPools")).toMatchObject({ agentPools: [{ name: "prod" }] });
    const workspace = { name: "hello", executionMode: "EXECUTION_MODE_AGENT", agentPool: "prod" };
    expect(await person("WorkspaceService/CreateWorkspace", { workspace })).toMatchObject({ workspace });
    const variables = [
      { key: "who", value: "world" },
      { key: "TOKEN", value: "hush", category: "VARIABLE_CATEGORY_ENV", sensitive: true },
    ];
    await person("VariableService/SetVariables", { workspace: "hello", variables });
    const listed = await person("VariableService/ListVariables", { workspace: "hello" });
    expect(listed).toMatchObject({
      variables: [
        { key: "TOKEN", value: "" },
        { key: "who", value: "world" },
      ],
    });
  });

  test("a configuration goes up in pieces and comes back the same", async () => {
    const header = { workspace: "hello", sizeBytes: archive.length, sha256: sha256(archive) };
    const chunks = [archive.subarray(0, 100), archive.subarray(100)];
    const upload = as("windlass.v1.ConfigurationService/UploadConfiguration");
    const stored = await client.upload(upload, [{ header }, ...chunks.map((chunk) => ({ chunk }))]);
    const configurationVersionId = textAt(stored, "configurationVersion", "id");
    const download = as("windlass.v1.ConfigurationService/DownloadConfiguration");
    expect(await bytesOf(client.download(download, { configurationVersionId }))).toEqual(archive);
  });

  test("a configuration goes up in parts, each a call of its own", async () => {
    const about = { sha256: sha256(archive), sizeBytes: archive.length };
    const part = { workspace: "hello", purpose: "UPLOAD_PURPOSE_CONFIGURATION", ...about };
    expect(await person("UploadService/UploadPart", part)).toMatchObject({ nextOffset: "0" });
    const whole = String(archive.length);
    expect(await person("UploadService/UploadPart", { ...part, chunk: archive })).toMatchObject({ nextOffset: whole });
    const upload = as("windlass.v1.ConfigurationService/UploadConfiguration");
    const stored = await client.upload(upload, [{ header: { workspace: "hello", inParts: true, ...about } }]);
    const download = as("windlass.v1.ConfigurationService/DownloadConfiguration");
    const configurationVersionId = textAt(stored, "configurationVersion", "id");
    expect(await bytesOf(client.download(download, { configurationVersionId }))).toEqual(archive);
  });

  test("an agent plans and applies a run", async () => {
    const created = await person("AgentTokenService/CreateAgentToken", { agentPool: "prod", description: "vm-1" });
    const agent = await registerAgent(client, textAt(created, "secret"));
    const runId = textAt(await person("RunService/CreateRun", { workspace: "hello" }), "run", "id");
    await using session = await startConversation(client, agent);

    const plan = await session.startJob("JOB_PHASE_PLAN");
    await expectVariablesAndConfiguration(plan.token);
    await uploadPlan(plan.token);
    await session.sendLog(plan.claim, log);
    await session.finish(plan.claim, { log, hasChanges: true, counts: { add: 1 }, planSha256: sha256("a plan") });
    expect(await followLog(runId, "RUN_PHASE_PLAN")).toBe(log);
    expect(await person("RunService/GetRun", { runId })).toMatchObject({ run: { state: "RUN_STATE_PLANNED" } });

    expect(await person("RunService/GetRunPlan", { runId })).toMatchObject({
      plan: {
        ...{ engineVersion: "1.11.4", counts: { add: 1 } },
        outputChanges: [{ name: "greeting", action: "PLAN_ACTION_CREATE", change: { afterJson: '"hello world"' } }],
      },
    });

    await person("RunService/ConfirmRun", { runId, planSha256: sha256("a plan") });
    await apply(session);
    expect(await person("RunService/GetRun", { runId })).toMatchObject({ run: { state: "RUN_STATE_APPLIED" } });
    const agents = await person("AgentService/ListAgents", { agentPool: "prod" });
    expect(agents).toMatchObject({ agents: [{ name: "plain" }] });
    await session.leave();
  });

  test("the state that the agent sent is there, with its outputs", async () => {
    const states = await person("StateService/ListStateVersions", { workspace: "hello" });
    expect(states).toMatchObject({ stateVersions: [{ serial: "1", status: "STATE_STATUS_CURRENT" }] });
    const download = as("windlass.v1.StateService/DownloadState");
    expect(await bytesOf(client.download(download, { workspace: "hello" }))).toEqual(Buffer.from(state));
    const outputs = await person("StateService/GetOutputs", { workspace: "hello" });
    expect(outputs).toMatchObject({ outputs: [{ name: "greeting", valueJson: '"hello world"' }] });
  });

  test("keys, variable sets, providers and the record of all changes answer", async () => {
    expect(await person("ApiKeyService/ListApiKeys", {})).toMatchObject({ apiKeys: [{ active: true }] });
    expect(await person("VariableSetService/ListVariableSets", {})).toMatchObject({ variableSets: [] });
    expect(await person("ProviderSettingsService/GetProviderSettings", {})).toMatchObject({
      providerSettings: { sources: [], etag: "0" },
    });
    const { events } = (await person("AuditService/ListAuditEvents", { pageSize: 5 })) as { events: readonly object[] };
    expect(events).toHaveLength(5);
  });

  test("every service has answered", () => {
    expect([...services.keys()].filter((name) => !client.answered.has(name))).toEqual([]);
  });
});

const lineage = "0d5c4a3e-7f2b-4d77-9f61-5a6f0f6f7c11";
const state = JSON.stringify({
  version: 4,
  terraform_version: "1.11.4",
  serial: 1,
  lineage,
  outputs: { greeting: { value: "hello world", type: "string" } },
  resources: [],
});

async function apply(session: AgentConversation): Promise<void> {
  const { claim, token } = await session.startJob("JOB_PHASE_APPLY");
  const artifact = (method: string) => as(`windlass.agent.v1.JobArtifactService/${method}`, token);
  expect(String(await bytesOf(client.download(artifact("DownloadPlan"), {})))).toBe("a plan");
  const header = { lineage, serial: 1, sizeBytes: state.length, sha256: sha256(state), isLast: true };
  const stored = await client.upload(artifact("UploadState"), [{ header }, { chunk: Buffer.from(state) }]);
  expect(stored).toMatchObject({ quarantined: false });
  await session.finish(claim, { log: "", stateSerial: 1 });
}

async function expectVariablesAndConfiguration(token: string): Promise<void> {
  const rpc = "windlass.agent.v1.JobArtifactService";
  expect(await client.unary(as(`${rpc}/GetVariables`, token), {})).toMatchObject({
    variables: [
      { key: "who", value: "world", environment: false },
      { key: "TOKEN", value: "hush", environment: true, sensitive: true },
    ],
  });
  expect(await bytesOf(client.download(as(`${rpc}/DownloadConfiguration`, token), {}))).toEqual(archive);
}

async function uploadPlan(token: string): Promise<void> {
  const plan = Buffer.from("a plan");
  const header = { planSizeBytes: plan.length, planSha256: sha256(plan), engineVersion: "1.11.4" };
  const change = { name: "greeting", action: "PLANNED_ACTION_CREATE", change: { afterJson: '"hello world"' } };
  const parts = [{ header }, { planChunk: plan }, { summary: { outputChanges: [change] } }];
  await client.upload(as("windlass.agent.v1.JobArtifactService/UploadPlan", token), parts);
}

async function followLog(runId: string, phase: string): Promise<string> {
  const stream = client.download(as("windlass.v1.RunService/StreamRunLogs"), { runId, phase, follow: true });
  return String(await bytesOf(stream));
}

async function bytesOf(stream: AsyncIterable<Message>): Promise<Buffer> {
  const messages = await Array.fromAsync(stream);
  return Buffer.concat(messages.map(({ chunk }) => (Buffer.isBuffer(chunk) ? chunk : Buffer.alloc(0))));
}

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

async function helloArchive(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "windlass-archive-"));
  try {
    await writeFile(join(folder, "main.tf"), 'output "greeting" {\n  value = "hello world"\n}\n');
    await createArchive({ cwd: folder, gzip: true, file: join(folder, "out.tgz") }, ["main.tf"]);
    return await readFile(join(folder, "out.tgz"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
