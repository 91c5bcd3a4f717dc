import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeConnectedAgent, openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow, startedBy } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { createPool } from "./pools.ts";
import { rotateAgentToken } from "./token-rotation.ts";
import { createAgentToken, listAgentTokens, revokeAgentToken } from "./tokens.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const dayMs = 86_400_000;
const newToken = (over: { expiresInMs?: number | null } = {}) => ({
  pool: ref("prod"),
  description: "vm-7",
  expiresInMs: null,
  ...over,
});

/** A pool with a token, an agent that registered with it and a job that the agent runs. */
async function busyPool({ control, as }: TestControl) {
  const who = as("operator");
  const { pool } = await createPool(control, who, newPool("prod"));
  const created = await createAgentToken(control, who, newToken());
  const { workspace } = await createWorkspace(control, who, newWorkspace("network"));
  const agent = agentRow(pool, { tokenId: created.token.id, status: "busy" });
  const run = runRow(workspace, { status: "planning" });
  const job = jobRow(run, startedBy(agent));
  await control.store.write(async (tx) => {
    await tx.agents.insert(agent);
    await tx.runs.insert(run);
    await tx.jobs.insert(job);
  });
  const { connected, closed } = fakeConnectedAgent({ agentId: agent.id, name: agent.name, poolId: pool.id });
  control.presence.enter(connected);
  return { ...created, job, closed };
}

describe("agent tokens", () => {
  test("only the hash of the secret is kept, and it ends after 90 days unless asked otherwise", async () => {
    const { control, as, clock } = fixture;
    await createPool(control, as("owner"), newPool("prod"));
    const { token, secret, poolName } = await createAgentToken(control, as("operator"), newToken());
    expect(secret).toMatch(/^wdl_agt_/);
    expect(JSON.stringify(token)).not.toContain(secret);
    expect(secret.startsWith(token.prefix)).toBe(true);
    expect(poolName).toBe("prod");
    expect(token.expiresAt).toEqual(new Date(clock.now().getTime() + 90 * dayMs));
    expect((await createAgentToken(control, as("operator"), newToken({ expiresInMs: 0 }))).token.expiresAt).toBeNull();
    await expect(
      createAgentToken(control, as("operator"), newToken({ expiresInMs: 4000 * dayMs })),
    ).rejects.toMatchObject({ code: "validation", fields: [{ field: "expires_in" }] });
    await expect(createAgentToken(control, as("planner"), newToken())).rejects.toMatchObject({
      code: "permission_denied",
    });
  });

  test("another tenant's pool takes none, and another tenant's token is not revoked", async () => {
    const { control, as, sibling } = fixture;
    await createPool(control, as("owner"), newPool("prod"));
    const { token } = await createAgentToken(control, as("owner"), newToken());
    const stranger = as("owner", sibling);
    await expect(createAgentToken(control, stranger, newToken())).rejects.toMatchObject({ code: "not_found" });
    for (const id of [token.id, "atok_nonsense"]) {
      await expect(revokeAgentToken(control, stranger, { id, stopsJobs: true })).rejects.toMatchObject({
        code: "not_found",
        metadata: { resource: "agent token" },
      });
    }
  });

  test("revoking disconnects the agents and lets their jobs finish", async () => {
    const { control, as, clock } = fixture;
    const { token, job, closed } = await busyPool(fixture);
    const view = await revokeAgentToken(control, as("operator"), { id: token.id, stopsJobs: false });
    expect(view.token.revokedAt).toEqual(clock.now());
    expect(closed).toEqual(["revoked"]);
    expect(await control.store.read((q) => q.jobs.get(job.id))).toMatchObject({ status: "started", desired: "run" });
  });

  test("revoking again keeps the first time and may still stop the jobs", async () => {
    const { control, as, clock } = fixture;
    const { token, job } = await busyPool(fixture);
    const first = await revokeAgentToken(control, as("operator"), { id: token.id, stopsJobs: false });
    await clock.advance(1000);
    const second = await revokeAgentToken(control, as("operator"), { id: token.id, stopsJobs: true });
    expect(second.token).toMatchObject({ revokedAt: first.token.revokedAt, isStopping: true });
    expect(await control.store.read((q) => q.jobs.get(job.id))).toMatchObject({ status: "started", desired: "cancel" });
  });

  test("a repeated request is told which token the first one made", async () => {
    const { control, as } = fixture;
    const who = as("owner");
    await createPool(control, who, newPool("prod"));
    const { token } = await createAgentToken(control, who, { ...newToken(), requestId: "r-1" });
    await expect(createAgentToken(control, who, { ...newToken(), requestId: "r-1" })).rejects.toMatchObject({
      code: "request_id_reused",
      metadata: { token_id: token.id },
    });
    const list = { organization: "acme", pool: "", page: { size: 0, token: "" } };
    expect((await listAgentTokens(control, who, list)).rows).toHaveLength(1);
  });

  test("a view names its agents and says whether it admits any", async () => {
    const { control, as } = fixture;
    const { token } = await busyPool(fixture);
    const list = { organization: "acme", pool: "prod", page: { size: 0, token: "" } };
    const seen = async () =>
      (await listAgentTokens(control, as("reader"), list)).rows.map((row) => [row.agents, row.isActive]);
    expect(await seen()).toEqual([[["vm-1"], true]]);
    await revokeAgentToken(control, as("operator"), { id: token.id, stopsJobs: false });
    expect(await seen()).toEqual([[["vm-1"], false]]);
  });

  test("they are listed newest first, of one pool or of all, page by page", async () => {
    const { control, as, clock } = fixture;
    const who = as("owner");
    await createPool(control, who, newPool("prod"));
    await createPool(control, who, newPool("stage"));
    for (const pool of ["prod", "stage", "prod"]) {
      await clock.advance(1000);
      await createAgentToken(control, who, { ...newToken(), pool: ref(pool) });
    }
    const list = { organization: "acme", pool: "", page: { size: 2, token: "" } };
    const one = await listAgentTokens(control, who, list);
    const two = await listAgentTokens(control, who, { ...list, page: { size: 2, token: one.nextToken } });
    expect([...one.rows, ...two.rows].map(({ poolName }) => poolName)).toEqual(["prod", "stage", "prod"]);
    expect((await listAgentTokens(control, who, { ...list, pool: "stage" })).rows).toHaveLength(1);
    const ofNames = { ...list, page: { size: 2, token: Buffer.from('["key","x"]').toString("base64url") } };
    await expect(listAgentTokens(control, who, ofNames)).rejects.toMatchObject({ code: "validation" });
  });
});

describe("rotating a token", () => {
  const hourMs = 3_600_000;
  const rotate = (id: string, over: { overlapMs?: number; expiresInMs?: number } = {}) =>
    rotateAgentToken(fixture.control, fixture.as("operator"), { id, overlapMs: null, expiresInMs: null, ...over });

  test("makes one like it; the old one goes on for an hour, and its agents are told", async () => {
    const { control, clock } = fixture;
    const { token, closed } = await busyPool(fixture);
    const { made, secret, replaced } = await rotate(token.id);
    expect(secret).toMatch(/^wdl_agt_/);
    expect(made.token).toMatchObject({ poolId: token.poolId, description: "vm-7", replacedBy: null });
    expect(made.token.expiresAt).toEqual(new Date(clock.now().getTime() + 90 * dayMs));
    expect(replaced.token).toMatchObject({ id: token.id, replacedBy: made.token.id, revokedAt: null });
    expect(replaced.token.expiresAt).toEqual(new Date(clock.now().getTime() + hourMs));
    expect([made.isActive, replaced.isActive, closed]).toEqual([true, true, []]);
    expect(await control.store.read((q) => q.tokens.get(token.id))).toEqual(replaced.token);
  });

  test("the old one never lives longer than it would have; without overlap it ends at once", async () => {
    const { control, as, clock } = fixture;
    await createPool(control, as("owner"), newPool("prod"));
    const short = await createAgentToken(control, as("owner"), newToken({ expiresInMs: 60_000 }));
    const first = await rotate(short.token.id, { expiresInMs: 0 });
    expect(first.replaced.token.expiresAt).toEqual(short.token.expiresAt);
    expect(first.made.token.expiresAt).toBeNull();
    const second = await rotate(first.made.token.id, { overlapMs: 0 });
    expect(second.replaced).toMatchObject({ isActive: false, token: { expiresAt: clock.now() } });
    expect(second.made.token.expiresAt).toBeNull();
  });

  test("one that was revoked, replaced or has expired is not rotated, nor another tenant's", async () => {
    const { control, as, sibling, clock } = fixture;
    const who = as("owner");
    await createPool(control, who, newPool("prod"));
    const [revoked, replaced, expired, good] = [
      await createAgentToken(control, who, newToken()),
      await createAgentToken(control, who, newToken()),
      await createAgentToken(control, who, newToken({ expiresInMs: 1000 })),
      await createAgentToken(control, who, newToken()),
    ];
    await revokeAgentToken(control, who, { id: revoked.token.id, stopsJobs: false });
    await rotate(replaced.token.id);
    await clock.advance(1000);
    for (const { token } of [revoked, replaced, expired]) {
      await expect(rotate(token.id)).rejects.toMatchObject({ code: "not_rotatable", metadata: { id: token.id } });
    }
    const wanted = { id: good.token.id, overlapMs: null, expiresInMs: null };
    await expect(rotateAgentToken(control, as("owner", sibling), wanted)).rejects.toMatchObject({ code: "not_found" });
    await expect(rotateAgentToken(control, as("planner"), wanted)).rejects.toMatchObject({ code: "permission_denied" });
  });
});
