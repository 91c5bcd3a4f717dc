import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAgentToken, revokeAgentToken } from "../src/control/agents/tokens.ts";
import { createApiKey } from "../src/control/people/api-keys.ts";
import { BadRequestSchema, ErrorInfoSchema, ResourceInfoSchema } from "../src/gen/google/rpc/error_details_pb.ts";
import { AgentPoolService } from "../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../src/gen/windlass/v1/agent_service_pb.ts";
import { AgentTokenService } from "../src/gen/windlass/v1/agent_token_service_pb.ts";
import {
  ConfigurationService,
  UploadConfigurationRequestSchema,
} from "../src/gen/windlass/v1/configuration_service_pb.ts";
import { OrganizationService } from "../src/gen/windlass/v1/organization_service_pb.ts";
import { StateService } from "../src/gen/windlass/v1/state_service_pb.ts";
import { SubjectKind, SystemService } from "../src/gen/windlass/v1/system_service_pb.ts";
import { VariableCategory } from "../src/gen/windlass/v1/variable_pb.ts";
import { VariableService } from "../src/gen/windlass/v1/variable_service_pb.ts";
import { ExecutionMode } from "../src/gen/windlass/v1/workspace_pb.ts";
import { WorkspaceService } from "../src/gen/windlass/v1/workspace_service_pb.ts";
import { Readiness } from "../src/http/readiness.ts";
import { type LogFields, memoryLog } from "../src/lib/program/log.ts";
import { mintToken } from "../src/lib/words/tokens.ts";
import { interceptorsFor } from "../src/rpc/interceptors.ts";
import { serviceRoutes } from "../src/rpc/routes.ts";
import { openTestControl, sha256, type TestControl } from "./support/control.ts";
import { type Listener, listen } from "./support/listen.ts";
import { ref } from "./support/wanted.ts";

let fixture: TestControl;
let listener: Listener;
let records: readonly LogFields[];
/** Secrets by what they are. */
const secrets = { owner: "", reader: "", stranger: "", agent: "", revoked: "", expired: "" };

beforeAll(async () => {
  const memory = memoryLog();
  records = memory.records;
  fixture = await openTestControl({ log: memory.log, limits: { maxConfigurationBytes: 1000 } });
  const { control, organization, sibling, clock } = fixture;
  const opened = await listen({
    host: "127.0.0.1",
    port: 0,
    routes: serviceRoutes(control),
    interceptors: interceptorsFor(control),
    readiness: new Readiness(),
    log: memory.log,
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  listener = opened.listener;
  for (const [name, role, organizationId] of [
    ["owner", "owner", organization.id],
    ["reader", "reader", organization.id],
    ["stranger", "owner", sibling.id],
  ] as const) {
    secrets[name] = (await createApiKey(control, { name, role, organizationId })).secret;
  }
  await pools.createAgentPool({ name: "prod", organizationScoped: false });
  await pools.createAgentPool({ name: "busy" });
  await workspaces.createWorkspace({
    workspace: { name: "network", executionMode: ExecutionMode.AGENT, agentPool: "busy" },
  });
  const token = { pool: ref("prod"), description: "", expiresInMs: 1000 };
  const owner = fixture.as("owner");
  secrets.agent = (await createAgentToken(control, owner, { ...token, expiresInMs: 0 })).secret;
  secrets.expired = (await createAgentToken(control, owner, token)).secret;
  const revoked = await createAgentToken(control, owner, token);
  secrets.revoked = revoked.secret;
  await revokeAgentToken(control, owner, { id: revoked.token.id, stopsJobs: false });
  await clock.advance(1000);
});
afterAll(async () => {
  await listener.close(0);
  await fixture[Symbol.asyncDispose]();
});

type Wire = "connect" | "grpc" | "grpc-web";

/** A transport with a credential, opened when it is first used. */
function transportAs(
  who: keyof typeof secrets | "nobody" | { readonly authorization: string },
  wire: Wire = "connect",
): Transport {
  const open = () => {
    const options = {
      baseUrl: listener.url,
      httpVersion: "1.1" as const,
      interceptors: [
        (next: Parameters<NonNullable<Parameters<typeof createConnectTransport>[0]["interceptors"]>[number]>[0]) =>
          (request: Parameters<typeof next>[0]) => {
            if (typeof who === "object") request.header.set("authorization", who.authorization);
            else if (who !== "nobody") request.header.set("authorization", `Bearer ${secrets[who]}`);
            return next(request);
          },
      ],
    };
    if (wire === "grpc") return createGrpcTransport({ ...options });
    return wire === "grpc-web" ? createGrpcWebTransport(options) : createConnectTransport(options);
  };
  let opened: Transport | undefined;
  const transport = () => (opened ??= open());
  return { unary: (...call) => transport().unary(...call), stream: (...call) => transport().stream(...call) };
}

const as = transportAs("owner");
const system = createClient(SystemService, as);
const organizations = createClient(OrganizationService, as);
const pools = createClient(AgentPoolService, as);
const tokens = createClient(AgentTokenService, as);
const agents = createClient(AgentService, as);
const workspaces = createClient(WorkspaceService, as);
const variables = createClient(VariableService, as);
const configurations = createClient(ConfigurationService, as);
const states = createClient(StateService, as);

/** How a call was refused: status, reason, and the fields or the resource it names. */
async function refusalOf(call: () => Promise<unknown>) {
  const error = await call().then(
    () => expect.fail("the call was not refused"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConnectError)) throw error;
  const [info] = error.findDetails(ErrorInfoSchema);
  expect(info?.domain).toBe("windlass");
  expect(error.metadata.get("x-request-id")).toMatch(/./);
  const fields = error
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field));
  const [resource] = error.findDetails(ResourceInfoSchema);
  return { code: Code[error.code], reason: info?.reason, fields, resource: resource?.resourceType, error, info };
}

const good = { sizeBytes: 4n, sha256: sha256("abcd") };
const header = (over: object = {}) =>
  create(UploadConfigurationRequestSchema, {
    part: { case: "header", value: { workspace: "network", ...good, ...over } },
  });
const chunk = (text: string) =>
  create(UploadConfigurationRequestSchema, { part: { case: "chunk", value: Buffer.from(text) } });
const upload = (...messages: readonly ReturnType<typeof header>[]) =>
  configurations.uploadConfiguration(
    (async function* () {
      yield* messages;
    })(),
  );

const noId = "ws_00000000000000000000000000";

describe("bad input gets a reason, and the field or the thing it is about", () => {
  test.each<[string, () => Promise<unknown>, reason: string, about?: string]>([
    ["a bad name for a pool", () => pools.createAgentPool({ name: "Prod!" }), "VALIDATION", "name"],
    ["a pool name that is taken", () => pools.createAgentPool({ name: "prod" }), "NAME_TAKEN", "windlass.v1.AgentPool"],
    [
      "a grant of an id that does not exist",
      () => pools.grantWorkspaces({ agentPool: "prod", workspaces: [noId] }),
      "NOT_FOUND",
      "windlass.v1.Workspace",
    ],
    [
      "a grant of what is no name",
      () => pools.grantWorkspaces({ agentPool: "prod", workspaces: ["Not A Name"] }),
      "VALIDATION",
      "workspaces[0]",
    ],
    ["no workspaces to grant", () => pools.grantWorkspaces({ agentPool: "prod" }), "VALIDATION", "workspaces"],
    ["a page too large", () => pools.listAgentPools({ pageSize: 1001 }), "VALIDATION", "page_size"],
    ["a page token that is none", () => pools.listAgentPools({ pageToken: "bogus" }), "VALIDATION", "page_token"],
    [
      "a pool that does not exist",
      () => pools.getAgentPool({ agentPool: "nope" }),
      "NOT_FOUND",
      "windlass.v1.AgentPool",
    ],
    [
      "an update of nothing",
      () => pools.updateAgentPool({ agentPool: "prod", changes: {}, updateMask: {} }),
      "VALIDATION",
      "update_mask",
    ],
    [
      "an update of what the server sets",
      () => pools.updateAgentPool({ agentPool: "prod", changes: {}, updateMask: { paths: ["id"] } }),
      "VALIDATION",
      "update_mask",
    ],
    [
      "an update without changes",
      () => pools.updateAgentPool({ agentPool: "prod", updateMask: { paths: ["description"] } }),
      "VALIDATION",
      "changes",
    ],
    [
      "an update to a bad name",
      () => pools.updateAgentPool({ agentPool: "prod", changes: { name: "X Y" }, updateMask: { paths: ["name"] } }),
      "VALIDATION",
      "changes.name",
    ],
    [
      "an old etag",
      () =>
        pools.updateAgentPool({ agentPool: "prod", changes: {}, updateMask: { paths: ["description"] }, etag: "99" }),
      "ETAG_MISMATCH",
    ],
    ["a pool in use", () => pools.deleteAgentPool({ agentPool: "busy" }), "POOL_IN_USE"],
    ["an order that is none", () => pools.listAgentPools({ orderBy: "size" }), "VALIDATION", "order_by"],
    [
      "an assignment to a pool that does not grant it",
      () => pools.assignWorkspaces({ agentPool: "prod", workspaces: ["network"] }),
      "POOL_NOT_GRANTED",
    ],
    [
      "an assignment of a workspace that does not exist",
      () => pools.assignWorkspaces({ agentPool: "busy", workspaces: ["nope"] }),
      "NOT_FOUND",
      "windlass.v1.Workspace",
    ],
    [
      "an end of an assignment to another pool",
      () => pools.unassignWorkspaces({ agentPool: "prod", workspaces: ["network"] }),
      "VALIDATION",
      "workspaces",
    ],
    [
      "the queue of a pool that does not exist",
      () => pools.listQueuedJobs({ agentPool: "nope" }),
      "NOT_FOUND",
      "windlass.v1.AgentPool",
    ],
    [
      "a rotation of a token that does not exist",
      () => tokens.rotateAgentToken({ agentTokenId: "atok_nope" }),
      "NOT_FOUND",
      "windlass.v1.AgentToken",
    ],
    [
      "an overlap of more than 30 days",
      () => tokens.rotateAgentToken({ agentTokenId: "atok_nope", overlap: { seconds: 2_592_001n } }),
      "VALIDATION",
      "overlap",
    ],
    [
      "a selector that cannot be read",
      () => agents.listAgents({ labelSelector: "zone=a,b c" }),
      "VALIDATION",
      "label_selector",
    ],
    [
      "a watch with a selector that cannot be read",
      () => Array.fromAsync(agents.watchAgents({ labelSelector: "!!" })),
      "VALIDATION",
      "label_selector",
    ],
    [
      "jobs of an agent that does not exist",
      () => agents.listAgentJobs({ agent: "nope" }),
      "NOT_FOUND",
      "windlass.v1.Agent",
    ],
    [
      "a default mode that needs a pool",
      () =>
        organizations.updateOrganization({
          organization: "acme",
          changes: { defaultExecutionMode: ExecutionMode.AGENT },
          updateMask: { paths: ["default_execution_mode"] },
        }),
      "VALIDATION",
      "changes.default_agent_pool",
    ],
    [
      "a quota that an owner sets",
      () =>
        organizations.updateOrganization({
          organization: "acme",
          changes: { maxWorkspaces: 5 },
          updateMask: { paths: ["max_workspaces"] },
        }),
      "PERMISSION_DENIED",
    ],
    [
      "a token with a negative life",
      () => tokens.createAgentToken({ agentPool: "prod", expiresIn: { seconds: -1n } }),
      "VALIDATION",
      "expires_in",
    ],
    [
      "a token for too long",
      () => tokens.createAgentToken({ agentPool: "prod", expiresIn: { seconds: 10n ** 9n } }),
      "VALIDATION",
      "expires_in",
    ],
    [
      "a token that does not exist",
      () => tokens.revokeAgentToken({ agentTokenId: "atok_nope" }),
      "NOT_FOUND",
      "windlass.v1.AgentToken",
    ],
    ["an agent that does not exist", () => agents.pauseAgent({ agent: "nope" }), "NOT_FOUND", "windlass.v1.Agent"],
    ["a workspace without settings", () => workspaces.createWorkspace({}), "VALIDATION", "workspace"],
    [
      "a workspace with a bad name",
      () => workspaces.createWorkspace({ workspace: { name: "a.b" } }),
      "VALIDATION",
      "workspace.name",
    ],
    [
      "agent mode without a pool",
      () => workspaces.createWorkspace({ workspace: { name: "dns", executionMode: ExecutionMode.AGENT } }),
      "NO_POOL",
    ],
    [
      "a pool in remote mode",
      () =>
        workspaces.createWorkspace({
          workspace: { name: "dns", executionMode: ExecutionMode.REMOTE, agentPool: "busy" },
        }),
      "VALIDATION",
      "workspace.agent_pool",
    ],
    [
      "a pool that does not grant it",
      () =>
        workspaces.createWorkspace({
          workspace: { name: "dns", executionMode: ExecutionMode.AGENT, agentPool: "prod" },
        }),
      "POOL_NOT_GRANTED",
    ],
    [
      "an execution mode that nobody knows",
      () => workspaces.createWorkspace({ workspace: { name: "dns", executionMode: 9 as number as ExecutionMode } }),
      "VALIDATION",
      "workspace.execution_mode",
    ],
    [
      "a working directory outside",
      () => workspaces.createWorkspace({ workspace: { name: "dns", workingDirectory: "../up" } }),
      "VALIDATION",
      "workspace.working_directory",
    ],
    ["an unlock of what is not locked", () => workspaces.unlockWorkspace({ workspace: "network" }), "NOT_LOCKED"],
    ["no variables", () => variables.setVariables({ workspace: "network" }), "VALIDATION", "variables"],
    [
      "a refused environment variable",
      () =>
        variables.setVariables({
          workspace: "network",
          variables: [{ key: "TF_DATA_DIR", category: VariableCategory.ENV }],
        }),
      "VALIDATION",
      "variables[0].key",
    ],
    [
      "a variable that does not exist",
      () => variables.deleteVariable({ workspace: "network", key: "nope" }),
      "NOT_FOUND",
      "windlass.v1.Variable",
    ],
    ["an upload without a header", () => upload(chunk("abcd")), "VALIDATION", "header"],
    ["an upload of nothing", () => upload(), "VALIDATION", "header"],
    ["an upload with two headers", () => upload(header(), header()), "VALIDATION", "header"],
    ["an upload with an empty message", () => upload(create(UploadConfigurationRequestSchema)), "VALIDATION", "part"],
    ["an upload with a hash that is none", () => upload(header({ sha256: "xyz" })), "VALIDATION", "header.sha256"],
    ["an upload that is too large", () => upload(header({ sizeBytes: 1001n })), "UPLOAD_TOO_LARGE"],
    ["an upload that is cut short", () => upload(header(), chunk("abc")), "CHECKSUM_MISMATCH"],
    ["an upload of no archive", () => upload(header(), chunk("abcd")), "ARCHIVE_REJECTED"],
    [
      "a configuration that does not exist",
      () => configurations.getConfiguration({ configurationVersionId: "cv_nope" }),
      "NOT_FOUND",
      "windlass.v1.ConfigurationVersion",
    ],
    [
      "a download of what does not exist",
      () => Array.fromAsync(configurations.downloadConfiguration({ configurationVersionId: "cv_nope" })),
      "NOT_FOUND",
      "windlass.v1.ConfigurationVersion",
    ],
    [
      "a workspace without state",
      () => states.getOutputs({ workspace: "network" }),
      "NOT_FOUND",
      "windlass.v1.StateVersion",
    ],
    ["neither a workspace nor a state", () => states.getStateVersion({}), "VALIDATION", "workspace"],
    [
      "an organization for somebody who is no site admin",
      () => organizations.createOrganization({ name: "mine" }),
      "PERMISSION_DENIED",
    ],
  ])("%s", async (_what, call, reason, about) => {
    const refusal = await refusalOf(call);
    expect(refusal.reason).toBe(reason);
    const named = reason === "VALIDATION" ? refusal.fields : [refusal.resource];
    expect(named).toEqual([about]);
  });

  test("a pool in use lists the workspaces", async () => {
    const { code, info, error } = await refusalOf(() => pools.deleteAgentPool({ agentPool: "busy" }));
    expect([code, info?.metadata]).toEqual(["FailedPrecondition", { pool: "busy", workspaces: "network" }]);
    expect(error.rawMessage).toContain("a workspace is assigned to it (network)");
  });
});

describe.each(["connect", "grpc", "grpc-web"] as const)("credentials over %s", (wire) => {
  test("none is needed to find out what the server is", async () => {
    const info = await createClient(SystemService, transportAs("nobody", wire)).getServerInfo({});
    expect(info).toMatchObject({
      version: "0.0.0-test",
      database: "sqlite",
      minimumProtocol: 1,
      maxConfigurationBytes: 1000n,
    });
  });

  test.each<[string, Parameters<typeof transportAs>[0], code: string, reason: string, message: string]>([
    ["no credential", "nobody", "Unauthenticated", "TOKEN_INVALID", "this call needs a credential"],
    [
      "another scheme",
      { authorization: "Basic YTpi" },
      "Unauthenticated",
      "TOKEN_INVALID",
      "expected authorization: Bearer",
    ],
    ["what is no token", { authorization: "Bearer hunter2" }, "Unauthenticated", "TOKEN_INVALID", "no Windlass token"],
    [
      "a mistyped token",
      { authorization: `Bearer wdl_usr_${"0".repeat(30)}_000000` },
      "Unauthenticated",
      "TOKEN_INVALID",
      "checksum",
    ],
    ["a revoked token", "revoked", "Unauthenticated", "TOKEN_REVOKED", "was revoked"],
    ["an expired token", "expired", "Unauthenticated", "TOKEN_EXPIRED", "expired at"],
    ["an agent's token", "agent", "PermissionDenied", "PERMISSION_DENIED", "needs an API key"],
    ["a reader's key", "reader", "PermissionDenied", "PERMISSION_DENIED", "(role reader)"],
    ["another tenant's key", "stranger", "NotFound", "NOT_FOUND", "does not exist"],
  ])("%s is refused and says why", async (_what, who, code, reason, message) => {
    const client = createClient(WorkspaceService, transportAs(who, wire));
    const refusal = await refusalOf(() => client.lockWorkspace({ organization: "acme", workspace: "network" }));
    expect([refusal.code, refusal.reason]).toEqual([code, reason]);
    expect(refusal.error.rawMessage).toContain(message);
  });

  test("an unknown token of the right form is refused", async () => {
    const authorization = `Bearer ${mintToken("usr", fixture.control.random)}`;
    const client = createClient(StateService, transportAs({ authorization }, wire));
    const refusal = await refusalOf(() => Array.fromAsync(client.downloadState({ workspace: "network" })));
    expect([refusal.code, refusal.reason]).toEqual(["Unauthenticated", "TOKEN_INVALID"]);
  });

  test("everybody may ask who they are", async () => {
    const whoAmI = (who: keyof typeof secrets) => createClient(SystemService, transportAs(who, wire)).whoAmI({});
    expect(await whoAmI("reader")).toMatchObject({
      kind: SubjectKind.API_KEY,
      name: "reader",
      organizations: ["acme"],
    });
    expect(await whoAmI("agent")).toMatchObject({ kind: SubjectKind.AGENT_TOKEN, organizations: ["acme"] });
  });
});

describe("every call", () => {
  test("has an id, the caller's if it is fit for a log", async () => {
    const idOf = async (given: string) => {
      let id: string | null = null;
      await system.getServerInfo(
        {},
        { headers: { "x-request-id": given }, onHeader: (headers) => (id = headers.get("x-request-id")) },
      );
      return id;
    };
    expect(await idOf("build-77")).toBe("build-77");
    expect(await idOf("no spaces, please")).toMatch(/^[0-9a-f-]{36}$/);
    expect(records).toContainEqual(
      expect.objectContaining({
        msg: "call",
        requestId: "build-77",
        method: "windlass.v1.SystemService/GetServerInfo",
        status: "OK",
      }),
    );
  });

  test("answers with the server's version, refusals too", async () => {
    const { error } = await refusalOf(() => pools.getAgentPool({ agentPool: "nope" }));
    expect(error.metadata.get("x-server-version")).toBe("0.0.0-test");
  });

  test("that nobody foresaw to fail is INTERNAL with its id, and the log has the rest", async () => {
    const { control } = fixture;
    const read = control.store.read;
    const failing = {
      ...control,
      store: { ...control.store, read: async () => Promise.reject(new Error("the disk is on fire")) },
    };
    const opened = await listen({
      host: "127.0.0.1",
      port: 0,
      routes: serviceRoutes(failing),
      interceptors: interceptorsFor({ ...failing, store: { ...failing.store, read } }),
      readiness: new Readiness(),
      log: control.log,
    });
    if (opened.kind !== "listening") throw new Error(opened.message);
    const client = createClient(
      AgentPoolService,
      createConnectTransport({ baseUrl: opened.listener.url, httpVersion: "1.1" }),
    );
    const headers = { authorization: `Bearer ${secrets.owner}`, "x-request-id": "doomed-1" };
    const refusal = await refusalOf(() => client.listAgentPools({}, { headers }));
    await opened.listener.close(0);
    expect([refusal.code, refusal.reason, refusal.info?.metadata]).toEqual([
      "Internal",
      "INTERNAL",
      { request_id: "doomed-1" },
    ]);
    expect(refusal.error.rawMessage).not.toContain("fire");
    const record = records.find(({ msg, requestId }) => msg === "a call failed" && requestId === "doomed-1");
    expect(JSON.stringify(record)).toContain("the disk is on fire");
  });

  test("no secret reaches the log", () => {
    const text = JSON.stringify(records);
    for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
  });
});

test("a page about a pool is one call; its lists are those of the other calls", async () => {
  await pools.createAgentPool({ name: "page", description: "GPU" });
  await workspaces.createWorkspace({ workspace: { name: "paged" } });
  expect((await pools.assignWorkspaces({ agentPool: "page", workspaces: ["paged"] })).agentPool).toMatchObject({
    assignedWorkspaces: ["paged"],
    counts: { pausedAgents: 0, drainingAgents: 0, capacity: 0 },
  });
  const { agentToken } = await tokens.createAgentToken({ agentPool: "page", description: "vm-7" });
  const rotated = await tokens.rotateAgentToken({ agentTokenId: agentToken?.id ?? "" });
  expect(rotated.secret).toMatch(/^wdl_agt_/);
  expect(rotated.replaced).toMatchObject({ active: true, replacedBy: rotated.agentToken?.id });
  const overview = await pools.getAgentPoolOverview({ agentPool: "page" });
  expect(overview).toMatchObject({ agentPool: { name: "page" }, agents: [], queuedJobs: [], activeRuns: [] });
  expect(overview.agentTokens.map(({ id }) => id).sort()).toEqual([agentToken?.id, rotated.agentToken?.id].sort());
  expect((await pools.listQueuedJobs({ agentPool: "page" })).queuedJobs).toEqual([]);
  expect((await pools.listAgentPools({ search: "gpu" })).agentPools.map(({ name }) => name)).toEqual(["page"]);
  const ordered = await pools.listAgentPools({ orderBy: "create_time desc", pageSize: 1 });
  expect(ordered.agentPools.map(({ name }) => name)).toEqual(["page"]);
  expect((await pools.unassignWorkspaces({ agentPool: "page", workspaces: ["paged"] })).agentPool).toMatchObject({
    assignedWorkspaces: [],
  });
  const { organization } = await organizations.getOrganization({});
  expect(organization).toMatchObject({
    defaultExecutionMode: ExecutionMode.REMOTE,
    maxWorkspaces: 0,
    connectedAgents: 0,
  });
  await workspaces.deleteWorkspace({ workspace: "paged" });
  await pools.deleteAgentPool({ agentPool: "page" });
});

describe("the management story", () => {
  test("pool, grant, token, workspace, variables and configuration", async () => {
    await pools.createAgentPool({ name: "story", organizationScoped: false, grantedWorkspaces: ["app"] });
    const { secret, agentToken } = await tokens.createAgentToken({ agentPool: "story", description: "vm-7" });
    expect(secret).toMatch(/^wdl_agt_/);
    expect(agentToken).toMatchObject({ agentPool: "story", description: "vm-7" });
    const made = await workspaces.createWorkspace({
      workspace: { name: "app", executionMode: ExecutionMode.AGENT, agentPool: "story" },
    });
    expect(made.workspace).toMatchObject({ organization: "acme", agentPool: "story", etag: "1" });
    const update = {
      workspace: "app",
      changes: { autoApply: true, engineVersion: "~> 1.11" },
      updateMask: { paths: ["auto_apply", "engine_version"] },
      etag: "1",
    };
    expect((await workspaces.updateWorkspace(update)).workspace).toMatchObject({
      autoApply: true,
      engineVersion: "~> 1.11",
      agentPool: "story",
    });
    const set = await variables.setVariables({
      workspace: "app",
      variables: [
        { key: "region", value: "eu" },
        { key: "AWS_SECRET_ACCESS_KEY", value: "s3cret", category: VariableCategory.ENV, sensitive: true },
      ],
    });
    expect(set.variables.map(({ key, value }) => [key, value])).toEqual([
      ["region", "eu"],
      ["AWS_SECRET_ACCESS_KEY", ""],
    ]);
    const locked = await workspaces.lockWorkspace({ workspace: "app", reason: "moving" });
    expect(locked.workspace?.lock).toMatchObject({ reason: "moving", holder: expect.stringContaining("owner (key_") });
    await workspaces.unlockWorkspace({ workspace: "app" });
    expect((await pools.getAgentPool({ agentPool: "story" })).agentPool).toMatchObject({
      grantedWorkspaces: ["app"],
      assignedWorkspaces: ["app"],
      counts: { idleAgents: 0, queuedJobs: 0 },
    });
    await workspaces.deleteWorkspace({ workspace: "app" });
    await pools.deleteAgentPool({ agentPool: "story" });
  });
});
