/** The server of today beside an agent and a client that know an earlier protocol and nothing of what came since. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { clone, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  FieldDescriptorProto_Type,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packDirectory } from "../../src/lib/archive/pack.ts";
import { type AgentConversation, registerAgent, startConversation } from "../clients/agent-conversation.ts";
import { loadDescribed, type Message, PlainClient, textAt } from "../clients/plain-grpc.ts";
import { useStage } from "../support/stage.ts";
import { wireChanges } from "./wire-changes.ts";

const root = resolve(import.meta.dirname, "../..");
const fixture = join(root, "test/fixtures/protocol/earlier.binpb.gz");
/** As it was before agents had hooks and updates, and before several servers had one database. */
const frozen = gunzipSync(await readFile(fixture));
const earlier = fromBinary(FileDescriptorSetSchema, frozen);

describe("the wire", () => {
  const today = (): FileDescriptorSet => {
    const args = ["build", "--as-file-descriptor-set", "--exclude-source-info", "-o", "-", "proto"];
    const bytes = execFileSync(join(root, "node_modules/.bin/buf"), args, { cwd: root, maxBuffer: 64 * 1024 * 1024 });
    return fromBinary(FileDescriptorSetSchema, bytes);
  };

  test("has all that it had, under the same numbers and names and with the same types", () => {
    expect(wireChanges(earlier, today())).toEqual([]);
  });

  const file = (set: FileDescriptorSet, name: string) => set.file.find((one) => one.name.endsWith(name));
  const job = (set: FileDescriptorSet) => file(set, "agent/v1/job.proto");
  const spec = (set: FileDescriptorSet) => job(set)?.messageType.find(({ name }) => name === "JobSpec");

  test.each<[string, (set: FileDescriptorSet) => void, string | RegExp]>([
    ["a field is gone", (set) => void spec(set)?.field.splice(1, 1), /JobSpec: field 2 \(run_id\) is gone/],
    ["a field has another number", (set) => renumber(spec(set)?.field[1]), /JobSpec: field 2 \(run_id\) is gone/],
    [
      "a field has another type",
      (set) => retype(spec(set)?.field[1]),
      /field 2 was run_id.*STRING and is run_id.*BYTES/,
    ],
    ["a field has another name", (set) => rename(spec(set)?.field[1]), /field 2 was run_id.* and is other/],
    ["a message is gone", (set) => void job(set)?.messageType.splice(0), /message windlass\.agent\.v1\.\w+ is gone/],
    ["an enum's value is another", (set) => rename(job(set)?.enumType[0]?.value[1]), /value 1 was \w+ and is other/],
    [
      "a method is gone",
      (set) => void file(set, "agent_gateway_service.proto")?.service[0]?.method.splice(0, 1),
      /method \w+ is gone/,
    ],
    [
      "a method streams",
      (set) => {
        for (const method of file(set, "v1/run_service.proto")?.service[0]?.method ?? []) method.clientStreaming = true;
      },
      /method GetRun was \S+ → \S+ and is stream /,
    ],
  ])("is seen to be another if %s", (_, change, why) => {
    const other = clone(FileDescriptorSetSchema, earlier);
    change(other);
    expect(wireChanges(earlier, other).join("\n")).toMatch(why);
  });
});

/** The loader names fields as the set does: the conversation calls them as JSON does. */
function inCamelCase(set: FileDescriptorSet): Uint8Array {
  const named = clone(FileDescriptorSetSchema, set);
  const rename = ({ field, nestedType }: DescriptorProto): void => {
    for (const one of field) one.name = one.jsonName;
    nestedType.forEach(rename);
  };
  for (const { messageType } of named.file) messageType.forEach(rename);
  return toBinary(FileDescriptorSetSchema, named);
}

function renumber(field: { number: number } | undefined): void {
  if (field !== undefined) field.number = 999;
}
function retype(field: { type: FieldDescriptorProto_Type } | undefined): void {
  if (field !== undefined) field.type = FieldDescriptorProto_Type.BYTES;
}
function rename(one: { name: string } | undefined): void {
  if (one !== undefined) one.name = "other";
}

const stage = useStage();
const log = "Hello from an agent of an earlier version\n";
const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
let apiKey: string;
let client: PlainClient;
let archive: Buffer;

const as = (rpc: string, token = apiKey) => ({ rpc, token });
const person = (method: string, request: Message = {}) => client.unary(as(`windlass.v1.${method}`), request);

beforeAll(async () => {
  apiKey = (await readFile(stage.server.adminTokenFile, "utf8")).trim();
  client = new PlainClient({ url: stage.server.url, services: loadDescribed(inCamelCase(earlier)) });
  await using packed = await packDirectory(join(root, "test/fixtures/terraform/hello"), { maxBytes: 1e6 });
  archive = await readFile(packed.file);
});
afterAll(() => client[Symbol.dispose]());

describe("a client of an earlier version", () => {
  test("knows nothing of what came since", () => {
    const names = earlier.file.flatMap(({ messageType }) =>
      messageType.flatMap(({ field }) => field.map((f) => f.name)),
    );
    expect(names.filter((name) => ["policy_denial", "denied_by", "hooks", "update"].includes(name))).toEqual([]);
  });

  test("does what it did: a workspace, its variables, a configuration, lists", async () => {
    const made = { name: "prod", organizationScoped: false, grantedWorkspaces: ["hello"] };
    await person("AgentPoolService/CreateAgentPool", made);
    const workspace = { name: "hello", executionMode: "EXECUTION_MODE_AGENT", agentPool: "prod" };
    expect(await person("WorkspaceService/CreateWorkspace", { workspace })).toMatchObject({ workspace });
    const variables = [{ key: "who", value: "world" }];
    await person("VariableService/SetVariables", { workspace: "hello", variables });
    const header = { workspace: "hello", sizeBytes: archive.length, sha256: sha256(archive) };
    const upload = as("windlass.v1.ConfigurationService/UploadConfiguration");
    await client.upload(upload, [{ header }, { chunk: archive }]);
    expect(await person("AgentPoolService/ListAgentPools")).toMatchObject({ agentPools: [{ name: "prod" }] });
    expect(await person("SystemService/WhoAmI")).toMatchObject({ kind: "SUBJECT_KIND_API_KEY" });
  });

  test("an agent of an earlier version registers, plans and applies; its owner's client confirms and reads", async () => {
    const created = await person("AgentTokenService/CreateAgentToken", { agentPool: "prod", description: "vm-1" });
    const agent = await registerAgent(client, textAt(created, "secret"));
    const runId = textAt(await person("RunService/CreateRun", { workspace: "hello" }), "run", "id");
    await using session = await startConversation(client, agent);
    await plan(session);
    expect(await followLog(runId)).toBe(log);
    expect(await person("RunService/GetRun", { runId })).toMatchObject({
      run: { state: "RUN_STATE_PLANNED", hasChanges: true, plannedChanges: { add: 1 } },
    });
    await person("RunService/ConfirmRun", { runId, planSha256: sha256("a plan") });
    await apply(session);
    expect(await person("RunService/GetRun", { runId })).toMatchObject({ run: { state: "RUN_STATE_APPLIED" } });
    expect(await person("StateService/GetOutputs", { workspace: "hello" })).toMatchObject({
      outputs: [{ name: "greeting", valueJson: '"hello world"' }],
    });
    expect(await person("AgentService/ListAgents", { agentPool: "prod" })).toMatchObject({
      agents: [{ name: "plain" }],
    });
    await session.leave();
  });

  test("sees what those see that know more: what it does not know is left out", async () => {
    expect(await person("RunService/ListRuns", { workspace: "hello" })).toMatchObject({
      runs: [{ state: "RUN_STATE_APPLIED" }],
    });
  });
});

async function plan(session: AgentConversation): Promise<void> {
  const { claim, token } = await session.startJob("JOB_PHASE_PLAN");
  const artifact = (method: string) => as(`windlass.agent.v1.JobArtifactService/${method}`, token);
  expect(await client.unary(artifact("GetVariables"), {})).toMatchObject({
    variables: [{ key: "who", value: "world" }],
  });
  expect(await bytesOf(client.download(artifact("DownloadConfiguration"), {}))).toEqual(archive);
  const bytes = Buffer.from("a plan");
  const header = { planSizeBytes: bytes.length, planSha256: sha256(bytes), engineVersion: "1.11.4" };
  await client.upload(artifact("UploadPlan"), [{ header }, { planChunk: bytes }]);
  await session.sendLog(claim, log);
  await session.finish(claim, { log, hasChanges: true, counts: { add: 1 }, planSha256: sha256("a plan") });
}

const lineage = "0d5c4a3e-7f2b-4d77-9f61-5a6f0f6f7c11";
const state = JSON.stringify({
  ...{ version: 4, terraform_version: "1.11.4", serial: 1, lineage, resources: [] },
  outputs: { greeting: { value: "hello world", type: "string" } },
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

const followLog = async (runId: string): Promise<string> => {
  const asked = { runId, phase: "RUN_PHASE_PLAN", follow: true };
  return String(await bytesOf(client.download(as("windlass.v1.RunService/StreamRunLogs"), asked)));
};

async function bytesOf(stream: AsyncIterable<Message>): Promise<Buffer> {
  const messages = await Array.fromAsync(stream);
  return Buffer.concat(messages.map(({ chunk }) => (Buffer.isBuffer(chunk) ? chunk : Buffer.alloc(0))));
}
