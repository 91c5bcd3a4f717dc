import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeSeat, openTestControl, type TestControl } from "../../test/support/control.ts";
import { agentRow, jobRow, runRow, startedBy } from "../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../test/support/wanted.ts";
import { createPool } from "./agent-pools.ts";
import { createAgentToken, listAgentTokens, revokeAgentToken } from "./agent-tokens.ts";
import { createWorkspace } from "./workspaces.ts";

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
  const { seat, closed } = fakeSeat({ agentId: agent.id, name: agent.name, poolId: pool.id });
  control.presence.enter(seat);
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
