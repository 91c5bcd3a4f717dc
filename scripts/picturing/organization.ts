import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { AgentStatus } from "../../src/gen/windlass/v1/agent_pb.ts";
import { type Run, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { Role } from "../../src/gen/windlass/v1/system_service_pb.ts";
import { Api, type RunOptions } from "../../test/support/api.ts";
import type { Scene, TestServer } from "../../test/support/scene.ts";

/** What the pictures show. */
export interface ShownOrganization {
  /** Waits for somebody's confirmation. */
  readonly planned: Run;
  readonly pool: string;
}

const configuration = (name: string): string => join(import.meta.dirname, name);

/** Somebody with a key of their own, so that runs have been started by different people. */
async function caller({ url, api }: TestServer, name: string): Promise<Api> {
  const { secret } = await api.clients.apiKeys.createApiKey({ name, role: Role.OPERATOR, organization: "default" });
  return new Api(url, secret);
}

interface WantedRun {
  readonly workspace: string;
  readonly message: string;
  readonly options?: RunOptions;
}

async function start(who: Api, { workspace, message, options = {} }: WantedRun): Promise<string> {
  const { run } = await who.clients.runs.createRun({ workspace, message, options, requestId: randomUUID() });
  return run?.id ?? "";
}

const release = (value: string) => ({ variables: [{ key: "release", value }] });

/** Makes it: two pools, one of them without an agent, and workspaces with a run in each state that people meet. */
export async function makeOrganization(scene: Scene, server: TestServer): Promise<ShownOrganization> {
  const { api } = server;
  using ana = await caller(server, "ana");
  using ci = await caller(server, "ci");
  await makePools(scene, server);
  await makeWorkspaces(api);
  await ci.ended(
    await start(ci, {
      ...{ workspace: "network", message: "Network of production" },
      options: { autoApply: true, ...release("1") },
    }),
  );
  const records = { workspace: "dns", message: "Records of the new gateway", options: { autoApply: true } };
  await ana.ended(await start(ana, records));
  await ci.ended(
    await start(ci, { workspace: "app", message: "Roll out shop 2026.11.3", options: { autoApply: true } }),
  );
  await startSlow(scene, server, ana);
  await start(ci, { workspace: "backups", message: "Keep nightly backups for 30 days" });
  const change = { workspace: "network", message: "A third zone, and SSH from inside only", options: release("2") };
  const planned = await ana.runIn(await start(ana, change), RunState.PLANNED);
  return { planned, pool: "prod" };
}

/** A run that is at work while the pictures are made. It is canceled before the agents are stopped. */
async function startSlow(scene: Scene, { api }: TestServer, who: Api): Promise<void> {
  const renewal = { workspace: "certificates", message: "Renew what ends in December", options: { autoApply: true } };
  const runId = await start(who, renewal);
  scene.defer(async () => {
    await api.clients.runs.cancelRun({ runId });
    await api.ended(runId);
  });
  await api.runIn(runId, RunState.APPLYING);
}

async function makePools(scene: Scene, server: TestServer): Promise<void> {
  const { api } = server;
  const pools = [
    { name: "prod", description: "Machines in the private network of production", organizationScoped: true },
    { name: "staging", description: "Machines of the staging site", organizationScoped: true },
  ];
  for (const pool of pools) await api.clients.pools.createAgentPool(pool);
  await scene.agent(server, { pool: "prod", name: "vm-7", concurrency: 2, args: ["--labels", "zone=a"] });
  await scene.agent(server, { pool: "prod", name: "vm-8", concurrency: 2, args: ["--labels", "zone=b"] });
  const left = await scene.agent(server, { pool: "staging", name: "vm-21" });
  await left.stop("SIGTERM");
  await api.agentWhen("vm-21", AgentStatus.EXITED);
}

async function makeWorkspaces(api: Api): Promise<void> {
  const workspaces = [
    { name: "network", agentPool: "prod", description: "Networks, gateways and firewalls", tags: ["prod", "core"] },
    { name: "dns", agentPool: "prod", description: "Zones and records", tags: ["prod", "core"] },
    { name: "certificates", agentPool: "prod", description: "Certificates of the shop", tags: ["prod"] },
    { name: "app", agentPool: "prod", description: "The shop", tags: ["prod"] },
    { name: "backups", agentPool: "staging", description: "Nightly backups", tags: ["staging"] },
  ];
  for (const workspace of workspaces) await api.workspace(workspace);
  for (const name of ["network", "dns", "certificates", "app"]) await api.upload(name, configuration(name));
  await api.upload("backups", configuration("dns"));
}
