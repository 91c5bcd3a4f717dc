import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { AuditEvent, AuditFilter } from "../../src/domain/people/audit.ts";
import { AgentPoolService } from "../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../../src/gen/windlass/v1/agent_service_pb.ts";
import { ConfigurationService } from "../../src/gen/windlass/v1/configuration_service_pb.ts";
import { OrganizationService } from "../../src/gen/windlass/v1/organization_service_pb.ts";
import { ProviderSettingsService } from "../../src/gen/windlass/v1/provider_settings_service_pb.ts";
import { RunPriority } from "../../src/gen/windlass/v1/run_pb.ts";
import { RunResolution, RunService } from "../../src/gen/windlass/v1/run_service_pb.ts";
import { UploadService } from "../../src/gen/windlass/v1/upload_service_pb.ts";
import { VariableService } from "../../src/gen/windlass/v1/variable_service_pb.ts";
import { WorkspaceService } from "../../src/gen/windlass/v1/workspace_service_pb.ts";
import type { AgentId, RunId } from "../../src/lib/words/ids.ts";
import { nameOf } from "../../src/rpc/bodies/admission.ts";
import { sha256 } from "../support/control.ts";
import { tarGz } from "../support/tar.ts";
import { type Call, callOnce } from "./call.ts";
import type { Place } from "./place.ts";
import type { Row } from "./row.ts";
import { isChange, matrix } from "./rows/index.ts";
import { openWorld, type World, worldAddress } from "./world.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const all: AuditFilter = { organizationId: null, action: "", actor: "", resource: "", since: null, until: null };
const records = (): Promise<readonly AuditEvent[]> =>
  world.control.store.read((q) => q.audit.listForward(all, { after: null, limit: 100_000 }));

/** The records that are there now and were not. The clock stands still: their order says nothing. */
async function since(before: readonly AuditEvent[]): Promise<readonly AuditEvent[]> {
  const known = new Set(before.map(({ id }) => id));
  return (await records()).filter(({ id }) => !known.has(id));
}

const asAdmin = (method: Call["method"], request: Call["request"]) =>
  callOnce(world.transport, { method, request, credential: world.credentials["site admin"] });

const archive = tarGz([{ path: "main.tf" }]);

/** Requests for what the rows of the matrix only try: each prepares what it needs. */
const whole: Readonly<Record<string, (place: Place) => Promise<object>>> = {
  DeleteOrganization: async () => {
    await asAdmin(OrganizationService.method.createOrganization, { name: "short-lived" });
    return { organization: "short-lived" };
  },
  DeleteAgentPool: async ({ organization }) => {
    await asAdmin(AgentPoolService.method.createAgentPool, { organization, name: "short-lived" });
    return { organization, agentPool: "short-lived" };
  },
  DeleteAgent: async ({ agent }) => {
    await world.control.store.write(async (tx) => {
      const row = await tx.agents.get(agent as AgentId);
      if (row !== undefined) await tx.agents.save({ ...row, status: "exited" });
    });
    return { agent };
  },
  PauseAgent: async ({ agent }) => ({ agent }),
  ResumeAgent: async ({ agent }) => {
    await asAdmin(AgentService.method.pauseAgent, { agent });
    return { agent };
  },
  RevokeWorkspaces: async ({ pool: agentPool, workspace }) => {
    await asAdmin(AgentPoolService.method.grantWorkspaces, { agentPool, workspaces: [workspace] });
    return { agentPool, workspaces: [workspace] };
  },
  AssignWorkspaces: async ({ pool: agentPool, workspace }) => {
    await asAdmin(AgentPoolService.method.unassignWorkspaces, { agentPool, workspaces: [workspace] });
    return { agentPool, workspaces: [workspace] };
  },
  UnlockWorkspace: async ({ workspace }) => {
    await asAdmin(WorkspaceService.method.lockWorkspace, { workspace });
    return { workspace };
  },
  SetVariables: async ({ workspace }) => ({
    workspace,
    variables: [
      { key: "password", value: "s3cret", sensitive: true },
      { key: "zone", value: "s3cret" },
    ],
  }),
  UploadConfiguration: async ({ workspace }) => [
    {
      part: { case: "header", value: { workspace, sizeBytes: BigInt(archive.length), sha256: sha256(archive) } },
    },
    { part: { case: "chunk", value: archive } },
  ],
  ResolveRun: async ({ run }) => ({ runId: await lost(run), resolution: RunResolution.WAIT }),
  RetryRun: async ({ run }) => ({ runId: await lost(run) }),
  ForceExecuteRun: async ({ workspace }) => {
    const make = async () =>
      ((await asAdmin(RunService.method.createRun, { workspace })) as unknown as { run: { id: string } }).run.id;
    await make();
    const waiting = await make();
    return { runId: waiting };
  },
  SetRunPriority: async ({ workspace }) => {
    const made = await asAdmin(RunService.method.createRun, { workspace });
    return { runId: (made as unknown as { run: { id: string } }).run.id, priority: RunPriority.LOW };
  },
};

async function lost(runId: string): Promise<string> {
  await world.control.store.write(async (tx) => {
    const run = await tx.runs.get(runId as RunId);
    if (run !== undefined) await tx.runs.save({ ...run, status: "errored", endedAt: world.control.clock.now() });
  });
  return runId;
}

/** A part changes nothing that anybody sees: the call that uses it leaves the record. */
const isPart = ({ method }: Row): boolean => method === UploadService.method.uploadPart;
const changes = matrix.filter((row) => isChange(row) && row.admits === "people" && !isPart(row));

describe("a change leaves one record, and a refused one none", () => {
  test.each(changes.map((row) => [nameOf(row.method).split("/")[1] ?? "", row] as const))("%s", async (name, row) => {
    const place = await world.fresh("own");
    const request = await (whole[name]?.(place) ?? row.request({ place, agent: world.agents.own }));
    const before = await records();
    const refused = callOnce(world.transport, { method: row.method, credential: world.credentials.reader, request });
    await expect(refused).rejects.toThrow();
    expect(await since(before)).toEqual([]);
    await asAdmin(row.method, request);
    const made = await since(before);
    expect(made.map(({ actor, action, address }) => ({ actor, action, address }))).toEqual([
      {
        actor: expect.stringMatching(/^a site_admin \(key_/),
        action: expect.stringMatching(/^[a-z_]+(\.[a-z_]+)+$/),
        address: worldAddress,
      },
    ]);
    expect(made[0]?.resource).toMatch(/^[a-z]+_[0-9a-z]{26}$/);
  });
});

test("an agent is recorded when it is new, in nobody's name, and not when it comes again", async () => {
  const register = matrix.find(({ method }) => method.name === "Register");
  if (register === undefined) throw new Error("Register has no row");
  const place = world.places.own;
  const request = register.request({ place, agent: world.agents.own });
  const call = { method: register.method, credential: world.credentials["agent token"], request };
  const before = await records();
  await callOnce(world.transport, call);
  await callOnce(world.transport, call);
  expect(await since(before)).toMatchObject([{ actor: "system", action: "agent.register", address: worldAddress }]);
});

test("no secret is in a record", async () => {
  const { workspace, variableSet, pool: agentPool } = await world.fresh("own");
  const variables = [
    { key: "password", value: "s3cret", sensitive: true },
    { key: "zone", value: "s3cret" },
  ];
  for (const of of [{ workspace }, { variableSet }]) {
    await asAdmin(VariableService.method.setVariables, { ...of, variables });
  }
  await asAdmin(ProviderSettingsService.method.updateProviderSettings, {
    agentPool,
    changes: { hosts: [{ host: "registry.example.com", token: "s3cret" }] },
    updateMask: { paths: ["hosts"] },
  });
  const made = await asAdmin(ConfigurationService.method.listConfigurations, { workspace });
  expect(made).toBeDefined();
  const text = JSON.stringify(await records());
  expect(text).not.toContain("s3cret");
  expect(text).not.toMatch(/wdl_[a-z]{3}_[0-9A-Za-z]{8}/);
  for (const secret of Object.values(world.credentials).filter((one) => one !== "")) expect(text).not.toContain(secret);
});
