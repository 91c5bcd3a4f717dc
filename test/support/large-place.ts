import type { Control } from "../../src/control/core/control.ts";
import { storeSealed } from "../../src/control/core/sealed-blobs.ts";
import type { Agent } from "../../src/domain/agents/agent.ts";
import type { Run } from "../../src/domain/runs/run.ts";
import type { StateVersion } from "../../src/domain/workspaces/state-version.ts";
import type { StoredVariable } from "../../src/domain/workspaces/variable.ts";
import type { VariableSet } from "../../src/domain/workspaces/variable-set.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { newId } from "../../src/lib/words/ids.ts";
import type { Queries } from "../../src/store/ports/store.ts";
import type { Place } from "../authorization/place.ts";
import { sha256 } from "./control.ts";
import { agentRow } from "./rows.ts";
import * as rows from "./store/rows.ts";

const mib = 1024 * 1024;
/** A character of three bytes: rules count characters, and messages bytes. */
const wide = (characters: number): string => "€".repeat(characters);
const times = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));
const numbered = (what: string, n: number, length: number): string =>
  `${what}${String(n).padStart(6, "0")}`.padEnd(length, "x");

const required = <T>(row: T | undefined, what: string): T => {
  if (row === undefined) throw new Error(`the place has no ${what}`);
  return row;
};

/** Makes everything in a place as large as the rules allow. */
export async function enlarge(control: Control, place: Place): Promise<void> {
  const summary = await summaryOf(control, place.planned);
  const states = await statesOf(control, place);
  await control.store.write(async (tx) => {
    const workspace = required(await tx.workspaces.get(place.workspace as Workspace["id"]), "workspace");
    await manyWorkspaces(tx, workspace, place);
    await manyAgents(tx, place);
    await manyRuns(tx, workspace, place);
    await manyVariables(tx, workspace, place);
    for (const state of states) await tx.states.save(state);
    const planned = required(await tx.runs.get(place.planned as Run["id"]), "planned run");
    await tx.runs.save({ ...planned, ...largeRun(place), ...summary });
    const planning = required(await tx.runs.get(place.run as Run["id"]), "run");
    await tx.runs.save({ ...planning, ...largeRun(place) });
    for (const id of [workspace.id, planning.workspaceId, planned.workspaceId])
      await tx.workspaces.save({ ...required(await tx.workspaces.get(id), "workspace"), ...largeSettings });
    await manyRecords(tx, { workspace, place, now: control.clock.now() });
    await jobVariables(tx, planning);
  });
}

const largeSettings: Partial<Workspace> = {
  ...{ description: wide(1024), workingDirectory: wide(1024) },
  ...{ agentSelector: times(16, (n) => numbered("k", n, 62)).join(","), tags: times(32, (n) => numbered("t", n, 63)) },
};

/** One less than a set can be attached to and a pool can be granted to: the last one is for a call that adds it. */
const mostNames = 4_999;
/** Of these so many have large settings. */
const mostFat = 200;

async function manyWorkspaces(tx: Queries, { id, organizationId, poolId }: Workspace, place: Place): Promise<void> {
  const all = times(mostNames, (n): Workspace => {
    const own = { organizationId, poolId, id: newId("ws", systemRandom), name: numbered("w", n, 90) };
    return rows.workspace({ ...own, ...(n < mostFat ? largeSettings : {}) });
  });
  for (const one of all) await tx.workspaces.insert(one);
  const others = all.slice(1).map(({ id }) => id);
  await tx.variableSets.attach(place.variableSet as VariableSet["id"], [id, ...others]);
  await tx.pools.grant(
    place.pool as `apool_${string}`,
    all.map(({ name }) => name),
  );
}

/** 4 KiB, as registrations are allowed to bring. */
const labels = Object.fromEntries(times(13, (n) => [numbered("k", n, 60), "v".repeat(254)]));
const largeAgent = (of: Pick<Place, "run">): Partial<Agent> => ({
  ...{ labels, warning: wide(256), pauseReason: wide(256), name: "a".repeat(128) },
  engines: {
    programs: times(64, () => ({ engine: "tofu" as const, version: wide(64) })),
    downloads: [{ engine: "tofu", source: wide(256) }],
  },
  keptDirectories: times(100, (n) => ({
    ...{ jobId: `job_${n}`, epoch: 1, runId: of.run, workspace: wide(128) },
    ...{ reason: wide(1024), path: wide(4096), sizeBytes: 1, keptAtMs: 1 },
  })),
});

async function manyAgents(tx: Queries, place: Place): Promise<void> {
  const agent = required(await tx.agents.get(place.agent as Agent["id"]), "agent");
  await tx.agents.save({ ...agent, ...largeAgent(place) });
  const pool = required(await tx.pools.get(place.pool as `apool_${string}`), "pool");
  await tx.pools.save({ ...pool, description: wide(1024) });
  for (const n of times(300, (index) => index)) await tx.agents.insert(agentRow(pool, { name: `b${n}`, labels }));
  const apiKeyId = place.apiKey as `key_${string}`;
  for (const n of times(1_000, (index) => index))
    await tx.browserSessions.insert(rows.browserSession({ apiKeyId, id: numbered("s", n, 36), userAgent: wide(200) }));
  const token = { organizationId: pool.organizationId, poolId: pool.id, description: wide(256) };
  for (const n of times(1_000, (index) => index)) {
    const id = newId("atok", systemRandom);
    await tx.tokens.insert(rows.token({ ...token, id, hash: `${n} of ${id}` }));
    const key = { id: newId("key", systemRandom), organizationId: pool.organizationId, name: wide(128) };
    await tx.apiKeys.insert(rows.apiKey({ ...key, hash: `${n} of ${key.id}` }));
  }
}

/** A run with all that may be told of it. */
export const largeRun = ({ run }: Pick<Place, "run">): Partial<Run> => ({
  ...{
    message: wide(1024),
    errorMessage: wide(4096),
    decisionComment: wide(1024),
    warnings: times(3, () => wide(4096)),
  },
  options: {
    ...rows.run().options,
    targets: times(100, () => wide(1024)),
    replacements: times(100, () => wide(1024)),
    variables: times(100, (n) => ({ key: `v${n}`, value: "x".repeat(4_000), isHcl: false })),
  },
  resourcesInFlight: times(8, () => ({ address: wide(4096), action: "create", idKey: "id", id: wide(4000) })),
  lost: {
    count: 2_000,
    resources: times(1_000, (n) => ({
      ...{ address: `t.a[${n}]${wide(30)}`, action: "create", provider: "p", idKey: "id", id: wide(20) },
      ...{ finishedAt: "2026-01-01T00:00:00Z", held: "absent" as const, isHidden: false },
    })),
  },
  retryOf: run as Run["id"],
});

async function manyRuns(tx: Queries, { id: workspaceId, organizationId }: Workspace, place: Place): Promise<void> {
  const { options: _large, resourcesInFlight: _flight, lost: _lost, ...texts } = largeRun(place);
  const own = { workspaceId, organizationId, configurationId: place.configuration as Run["configurationId"] };
  const ended = { status: "errored", endedAt: rows.at(1) } as const;
  for (const n of times(100, (index) => index)) {
    const large = n < 4 ? largeRun(place) : texts;
    await tx.runs.insert(rows.run({ ...own, ...large, ...ended, id: newId("run", systemRandom) }));
  }
  for (const n of times(300, (index) => index)) {
    const event = {
      runId: place.run as Run["id"],
      position: 1_000 + n,
      at: rows.at(n),
      actor: wide(128),
      status: null,
    };
    await tx.runEvents.insert({ ...event, title: "commented", comment: wide(4096) });
  }
}

async function manyVariables(tx: Queries, workspace: Workspace, place: Place): Promise<void> {
  const { organizationId } = workspace;
  const variables = times(999, (n): StoredVariable => {
    const own = { organizationId, id: newId("var", systemRandom), key: numbered("k", n, 128) };
    return rows.variable({ ...own, value: "v".repeat((2 * mib) / 1_000), description: wide(512) });
  });
  const set = required(await tx.variableSets.get(place.variableSet as VariableSet["id"]), "variable set");
  await tx.variableSets.save({ ...set, description: wide(1024) });
  for (const one of variables) {
    await tx.variables.insert({ ...one, workspaceId: workspace.id });
    const id = newId("var", systemRandom);
    await tx.setVariables.insert({ ...one, id, key: one.key.replace("k", "s"), setId: set.id });
  }
}

/** What the job of a run gets: as much as may reach it, beside the variables of the run. */
async function jobVariables(tx: Queries, { organizationId, workspaceId }: Run): Promise<void> {
  for (const n of times(16, (index) => index)) {
    const own = { organizationId, workspaceId, id: newId("var", systemRandom), key: `large-${n}` };
    await tx.variables.insert(rows.variable({ ...own, value: "x".repeat(128 * 1024) }));
  }
}

interface Recorded {
  readonly workspace: Workspace;
  readonly place: Place;
  readonly now: Date;
}

async function manyRecords(tx: Queries, { workspace, place, now }: Recorded): Promise<void> {
  const { organizationId } = workspace;
  const detail = { workspaces: times(100, (n) => numbered("w", n, 90)).join(", "), reason: wide(1024) };
  const deed = {
    organizationId,
    actor: wide(150),
    action: "pool.grant",
    resource: place.pool,
    detail,
    address: "2001:db8::7",
  };
  for (const n of times(300, (index) => index)) {
    await tx.audit.insert({ ...deed, at: new Date(now.getTime() - 1_000 * n) });
  }
}

/** Both states of a place, whose outputs and instances fill many answers. */
async function statesOf(control: Control, place: Place): Promise<readonly StateVersion[]> {
  const instance = (n: number) => ({ index_key: `${n}-${wide(150)}`, attributes: { id: `id-${n}` } });
  const head = { version: 4, terraform_version: "1.11.4", lineage: "lineage-1" };
  const resource = { mode: "managed", type: "t", name: "n", provider: 'provider["registry.terraform.io/a/b"]' };
  const outputs = Object.fromEntries([
    ...times(600, (n) => [numbered("o", n, 60), { value: wide(3_400), type: "string" }] as const),
    ["too-long", { value: "x".repeat(5 * mib), type: "string" }],
  ]);
  const texts = {
    [place.olderState]: { ...head, serial: 1, outputs: {}, resources: [] },
    [place.state]: { ...head, serial: 2, outputs, resources: [{ ...resource, instances: times(5_000, instance) }] },
  };
  const found: StateVersion[] = [];
  for (const [id, content] of Object.entries(texts)) {
    const bytes = Buffer.from(JSON.stringify(content));
    const row = await control.store.read((q) => q.states.get(id as StateVersion["id"]));
    const blobKey = await storeSealed(control, bytes, `state/${id}`);
    found.push({ ...required(row, "state"), blobKey, bytes: bytes.length, sha256: sha256(bytes) });
  }
  return found;
}

/** A plan that changes much, and one resource of it more than an answer has room for. */
async function summaryOf(control: Control, runId: string): Promise<Partial<Run>> {
  const change = (n: number, value: string) => ({
    ...{ address: `t.n[${n}]`, type: "t", name: "n", provider: "p", action: "update" },
    ...{ before: { a: value, b: 1 }, after: { a: `${value}!`, b: 2 } },
  });
  const summary = {
    terraformVersion: "1.11.4",
    resources: [change(0, "x".repeat(2 * mib)), ...times(1_000, (n) => change(n + 1, wide(600)))],
    drift: times(500, (n) => change(n, wide(600))),
    outputs: times(300, (n) => ({ name: `o${n}`, action: "update", before: wide(600), after: wide(601) })),
  };
  const summaryBlobKey = await storeSealed(control, Buffer.from(JSON.stringify(summary)), `plan-summary/${runId}`);
  return { summaryBlobKey };
}
