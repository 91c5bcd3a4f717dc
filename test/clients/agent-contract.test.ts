import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { create as createArchive } from "tar";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CloseReason, SessionResponseSchema } from "../../src/gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { useStage } from "../support/stage.ts";
import { type RegisteredAgent, registerAgent, startConversation } from "./agent-conversation.ts";
import { loadServices, type Message, messageAt, PlainClient, textAt } from "./plain-grpc.ts";
import { protoFiles } from "./proto-files.ts";

const session = "windlass.agent.v1.AgentGatewayService/Session";
const artifacts = "windlass.agent.v1.JobArtifactService";
const stage = useStage();
let apiKey: string;
let agentToken: string;
let client: PlainClient;

const person = (method: string, request: Message = {}) =>
  client.unary({ rpc: `windlass.v1.${method}`, token: apiKey }, request);

beforeAll(async () => {
  apiKey = (await readFile(stage.server.adminTokenFile, "utf8")).trim();
  client = new PlainClient({ url: stage.server.url, services: loadServices(protoFiles()) });
  await person("AgentPoolService/CreateAgentPool", { name: "prod", organizationScoped: true });
  const workspace = { name: "hello", executionMode: "EXECUTION_MODE_AGENT", agentPool: "prod" };
  await person("WorkspaceService/CreateWorkspace", { workspace });
  const archive = await emptyArchive();
  const header = { workspace: "hello", sizeBytes: archive.length, sha256: sha256(archive) };
  const upload = { rpc: "windlass.v1.ConfigurationService/UploadConfiguration", token: apiKey };
  await client.upload(upload, [{ header }, { chunk: archive }]);
  agentToken = textAt(await person("AgentTokenService/CreateAgentToken", { agentPool: "prod" }), "secret");
});
afterAll(() => client[Symbol.dispose]());

const newRun = async () => textAt(await person("RunService/CreateRun", { workspace: "hello" }), "run", "id");
const phaseOf = async (runId: string) => {
  const { run } = await person("RunService/GetRun", { runId });
  return messageAt(run as Message, "plan");
};

describe("an agent that knows only proto/", () => {
  test("session.headers: the server's headers come before the hello", async () => {
    const agent = await registerAgent(client, agentToken);
    const stream = client.talk({ rpc: session, token: agent.sessionToken });
    stream.on("error", () => {});
    await new Promise((seen) => stream.once("metadata", seen));
    stream.cancel();
  });

  test("session.refused: a chunk that is too large is refused, the session lives, and the job ends well", async () => {
    const agent = await registerAgent(client, agentToken);
    const runId = await newRun();
    await using talk = await startConversation(client, agent);
    const { claim } = await talk.startJob("JOB_PHASE_PLAN");
    talk.say({ logChunk: { claim, offset: 0, chunk: Buffer.alloc(65_537) } });
    expect(await talk.hear("refused")).toMatchObject({
      ...{ claim, message: "SESSION_MESSAGE_LOG_CHUNK", reason: "REFUSAL_REASON_INVALID", rule: "log.chunk" },
    });
    talk.say({ jobResult: { claim, outcome: 2, errorMessage: "x".repeat(5_000), logSha256: sha256("") } });
    expect(await talk.hear("refused")).toMatchObject({ claim, message: "SESSION_MESSAGE_JOB_RESULT" });
    talk.say({ heartbeat: { jobs: [{ claim, stage: 77 }] } });
    expect(await talk.hear("heartbeatReply")).toMatchObject({ jobs: [{ claim, desired: "DESIRED_STATE_RUN" }] });
    await talk.finish(claim, { log: "" });
    expect(await phaseOf(runId)).toMatchObject({ logComplete: true, logState: "LOG_STATE_COMPLETE", logProblem: "" });
    await talk.leave();
  });

  test.each([
    ["its hash", { logSha256: "0".repeat(64) }, /do not have the SHA-256/],
    ["its length", { logBytes: 2 }, /reported a log of 2 bytes, and 5 bytes of it are stored/],
  ])(
    "log.truth: a log of which an agent lies about %s is not complete, and everybody is told",
    async (_what, lie, why) => {
      const agent = await registerAgent(client, agentToken);
      const runId = await newRun();
      await using talk = await startConversation(client, agent);
      const { claim } = await talk.startJob("JOB_PHASE_PLAN");
      await talk.sendLog(claim, "hello");
      const result = { claim, outcome: "JOB_OUTCOME_FINISHED", logBytes: 5, logSha256: sha256("hello"), ...lie };
      talk.say({ jobResult: result });
      const ack = await talk.hear("resultAck");
      expect(ack).toMatchObject({ sealed: true, logProblem: expect.stringMatching(why) });
      const told = { logState: "LOG_STATE_MISMATCH", logProblem: expect.stringMatching(why) };
      expect(await phaseOf(runId)).toMatchObject({ logComplete: false, logBytes: "5", ...told });
      const read = { rpc: "windlass.v1.RunService/StreamRunLogs", token: apiKey };
      const messages = await Array.fromAsync(client.download(read, { runId, phase: "RUN_PHASE_PLAN", follow: true }));
      expect(messages.at(-1)).toMatchObject({ end: true, ...told });
      await talk.leave();
      for (const command of ["show", "logs"]) {
        const { stdout, stderr } = await stage.scene.cli(stage.server, ["run", command, runId]);
        expect(`${stdout}${stderr}`).toMatch(/not whole: /);
      }
    },
  );

  test("plan.summary: a summary that is none is refused at the upload, and the plan stays unknown", async () => {
    const agent = await registerAgent(client, agentToken);
    const runId = await newRun();
    await using talk = await startConversation(client, agent);
    const { claim, token } = await talk.startJob("JOB_PHASE_PLAN");
    const plan = Buffer.from("a plan");
    const header = { planSizeBytes: plan.length, planSha256: sha256(plan) };
    const upload = (...summary: Message[]) =>
      client.upload({ rpc: `${artifacts}/UploadPlan`, token }, [{ header }, { planChunk: plan }, ...summary]);
    const broken = { summary: { resourceChanges: [{ address: "a.b", attributes: [{ afterJson: "no!" }] }] } };
    await expect(upload(broken)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining("resource_changes[0].attributes[0].after_json"),
    });
    await upload({ summary: { resourceChanges: [{ address: "a.b", action: "PLANNED_ACTION_CREATE" }] } });
    await talk.finish(claim, { log: "", hasChanges: true, counts: { add: 1 }, planSha256: sha256(plan) });
    expect(await person("RunService/GetRunPlan", { runId })).toMatchObject({
      plan: { resourceChanges: [{ address: "a.b", action: "PLAN_ACTION_CREATE" }] },
    });
    await person("RunService/DiscardRun", { runId });
    await talk.leave();
  });

  test("register.protocol: a range that ends before it begins is refused as that", async () => {
    const call = { rpc: "windlass.agent.v1.AgentGatewayService/Register", token: agentToken };
    const identity = { incarnation: crypto.randomUUID(), bootId: crypto.randomUUID(), name: "x", concurrency: 1 };
    await expect(client.unary(call, { ...identity, minimumProtocol: 9, maximumProtocol: 1 })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining("cannot be above its newest"),
    });
    await expect(client.unary(call, { ...identity, minimumProtocol: 9, maximumProtocol: 9 })).rejects.toMatchObject({
      code: status.FAILED_PRECONDITION,
      details: expect.stringContaining("upgrade windlassd"),
    });
  });

  test("session.token: a session token that was replaced is UNAUTHENTICATED", async () => {
    const agent = await registerAgent(client, agentToken);
    const call = { rpc: "windlass.agent.v1.AgentGatewayService/Register", token: agentToken };
    const facts = { name: "plain", minimumProtocol: 1, maximumProtocol: 1, concurrency: 1 };
    await client.unary(call, { ...facts, ...agent.identity });
    const stream = client.talk({ rpc: session, token: agent.sessionToken });
    stream.write({ hello: agent.identity });
    const error = await stream.toArray().then(
      () => undefined,
      (failure: ServiceError) => failure,
    );
    expect(error).toMatchObject({ code: status.UNAUTHENTICATED, details: expect.stringContaining("register") });
  });
});

describe("session.end: bytes that are no message", () => {
  /** Says hello and then these bytes; answers what came, and how the stream ended. */
  async function rawly(agent: RegisteredAgent, bytes: Buffer) {
    using raw = new RawClient(stage.server.url);
    const stream = raw.open(agent.sessionToken);
    const hello = Object.values(agent.identity).map((value, at) => field(at + 1, Buffer.from(value)));
    stream.write(field(1, Buffer.concat(hello)));
    stream.write(bytes);
    const ended = new Promise((seen) => stream.once("status", ({ code }: { code: number }) => seen(code)));
    const answers = (await stream.toArray()) as Buffer[];
    return { answers: answers.map((one) => fromBinary(SessionResponseSchema, one).message), code: await ended };
  }

  test.each([
    ["garbage", Buffer.from([0xff, 0xff, 0xff])],
    ["text that is no UTF-8", field(7, field(1, Buffer.from([0xff, 0xfe])))],
  ])("%s: close PROTOCOL, then OK", async (_what, bytes) => {
    const { answers, code } = await rawly(await registerAgent(client, agentToken), bytes);
    expect(answers.at(-1)).toMatchObject({ case: "close", value: { reason: CloseReason.PROTOCOL } });
    expect(code).toBe(status.OK);
  });
});

/** A field of bytes on the wire. */
function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

/** Sends bytes as they are. */
class RawClient implements Disposable {
  readonly #client: Client;

  constructor(url: string) {
    this.#client = new Client(new URL(url).host, credentials.createInsecure());
  }

  open(token: string) {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${token}`);
    const same = (bytes: Buffer) => bytes;
    return this.#client.makeBidiStreamRequest(`/${session}`, same, same, metadata);
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

async function emptyArchive(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "windlass-archive-"));
  try {
    await writeFile(join(folder, "main.tf"), 'output "greeting" {\n  value = "hello"\n}\n');
    await createArchive({ cwd: folder, gzip: true, file: join(folder, "out.tgz") }, ["main.tf"]);
    return await readFile(join(folder, "out.tgz"));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
