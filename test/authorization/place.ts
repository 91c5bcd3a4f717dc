import type { Control } from "../../src/control/core/control.ts";
import type { StateVersion } from "../../src/domain/workspaces/state-version.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { type IdPrefix, newId, type OrganizationId } from "../../src/lib/words/ids.ts";
import { hashToken, mintToken } from "../../src/lib/words/tokens.ts";
import { sha256 } from "../support/control.ts";
import * as rows from "../support/store/rows.ts";
import { runScene, stored } from "./place-runs.ts";

/** Everything that calls name, in one organization and one pool: ids, but for the organization's name. */
export interface Place {
  readonly organization: string;
  readonly pool: string;
  readonly agentToken: string;
  /** Idle, with no job. */
  readonly agent: string;
  /** Nothing runs there; it has a state. */
  readonly workspace: string;
  readonly configuration: string;
  /** Its plan runs on an agent. */
  readonly run: string;
  /** Waits for somebody to confirm it. */
  readonly planned: string;
  readonly state: string;
  readonly olderState: string;
  /** A state that is kept aside. */
  readonly quarantined: string;
  readonly variableSet: string;
  readonly apiKey: string;
}

/** The credentials of agents in a place, and what their messages must say. */
export interface AgentSide {
  readonly poolToken: string;
  readonly sessionToken: string;
  readonly incarnation: string;
  readonly bootId: string;
  readonly planToken: string;
  readonly applyToken: string;
}

const id = <P extends IdPrefix>(prefix: P) => newId(prefix, systemRandom);

/** Fills a place with rows. Each call makes new ones, so that a call that changes them disturbs no other. */
export async function fillPlace(
  control: Control,
  organization: { readonly id: OrganizationId; readonly name: string },
): Promise<{ readonly place: Place; readonly agents: AgentSide }> {
  const own = { organizationId: organization.id };
  const { rows: owned, agents } = agentRows(organization.id);
  const { pool, token, idle, holder } = owned;
  const workspaceOf = () => rows.workspace({ ...own, id: id("ws"), name: fresh("ws"), poolId: pool.id });
  const wanted = (status: "planning" | "planned" | "applying", jobToken: string) =>
    runScene(control, { status, jobToken, agent: holder, workspace: workspaceOf() });
  const planning = await wanted("planning", agents.planToken);
  const planned = await wanted("planned", "");
  const applying = await wanted("applying", agents.applyToken);
  const workspace = workspaceOf();
  const [older, current, aside] = await stateRows(control, workspace);
  const blobKey = await stored(control, Buffer.from("archive"));
  const configuration = rows.configuration({ ...own, id: id("cv"), workspaceId: workspace.id, blobKey });
  const times = { createdAt: control.clock.now(), updatedAt: control.clock.now(), version: 1 };
  const set = {
    ...own,
    id: id("vset"),
    name: fresh("set"),
    description: "",
    isGlobal: false,
    isPriority: false,
    ...times,
  };
  const key = rows.apiKey({ ...own, id: id("key"), role: "reader", hash: systemRandom.uuid() });
  await control.store.write(async (tx) => {
    await tx.pools.insert(pool);
    await tx.providerSettings.insert(rows.providerSettings({ ...own, id: pool.id, poolId: pool.id }));
    await tx.tokens.insert(token);
    for (const agent of [idle, holder]) await tx.agents.insert(agent);
    for (const run of [planning, planned, applying]) await run.insert(tx);
    await tx.workspaces.insert({ ...workspace, currentStateId: current.id });
    await tx.configurations.insert(configuration);
    for (const state of [older, current, aside]) await tx.states.insert(state);
    await tx.variables.insert(rows.variable({ ...own, id: id("var"), workspaceId: workspace.id }));
    await tx.variableSets.insert(set);
    await tx.apiKeys.insert(key);
  });
  const place: Place = {
    ...{ organization: organization.name, pool: pool.id, agentToken: token.id, agent: idle.id },
    ...{ workspace: workspace.id, configuration: configuration.id, run: planning.run.id, planned: planned.run.id },
    ...{ state: current.id, olderState: older.id, quarantined: aside.id, variableSet: set.id, apiKey: key.id },
  };
  return { place, agents };
}

function agentRows(organizationId: OrganizationId) {
  const own = { organizationId };
  const secrets = {
    poolToken: mintToken("agt", systemRandom),
    sessionToken: mintToken("ses", systemRandom),
    planToken: mintToken("job", systemRandom),
    applyToken: mintToken("job", systemRandom),
  };
  const pool = rows.pool({ ...own, id: id("apool"), name: fresh("pool"), isOrganizationScoped: true });
  const token = rows.token({ ...own, id: id("atok"), poolId: pool.id, hash: hashToken(secrets.poolToken) });
  const agentOf = (name: string, sessionToken: string) =>
    rows.agent({
      ...{ ...own, id: id("agent"), poolId: pool.id, tokenId: token.id, name },
      ...{ incarnation: systemRandom.uuid(), bootId: systemRandom.uuid(), sessionTokenHash: hashToken(sessionToken) },
    });
  const idle = agentOf("idle", secrets.sessionToken);
  const holder = agentOf("holder", mintToken("ses", systemRandom));
  const agents: AgentSide = { ...secrets, incarnation: idle.incarnation, bootId: idle.bootId };
  return { rows: { pool, token, idle, holder }, agents };
}

const stateText = (serial: number) =>
  JSON.stringify({ version: 4, terraform_version: "1.11.4", serial, lineage: "lineage-1", outputs: {}, resources: [] });

async function stateRows(control: Control, { id: workspaceId, organizationId }: Workspace) {
  const stateOf = async (serial: number, over: Partial<StateVersion> = {}) => {
    const stateId = id("sv");
    const text = stateText(serial);
    const blobKey = await stored(control, control.vault.seal(Buffer.from(text), `state/${stateId}`));
    const from = { organizationId, workspaceId, runId: null, jobId: null, createdAt: new Date(serial * 1000) };
    return rows.state({ ...from, id: stateId, serial, sha256: sha256(text), bytes: text.length, blobKey, ...over });
  };
  const aside = { status: "quarantined", quarantineReason: "it came too late" } as const;
  return [await stateOf(1), await stateOf(2), await stateOf(3, aside)] as const;
}

/** A place of which nothing is there any more. */
export const gonePlace = (): Place => ({
  ...{ organization: "gone", pool: id("apool"), agentToken: id("atok"), agent: id("agent"), workspace: id("ws") },
  ...{ configuration: id("cv"), run: id("run"), planned: id("run"), state: id("sv"), olderState: id("sv") },
  ...{ quarantined: id("sv"), variableSet: id("vset"), apiKey: id("key") },
});

let count = 0;
const fresh = (what: string) => `${what}-${++count}`;
