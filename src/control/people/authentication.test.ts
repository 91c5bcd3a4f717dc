import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow, startedBy } from "../../../test/support/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import { hashToken, mintToken, type TokenKind } from "../../lib/words/tokens.ts";
import { createPool } from "../agents/pools.ts";
import { createAgentToken, revokeAgentToken } from "../agents/tokens.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { createApiKey } from "./api-keys.ts";
import { authenticate } from "./authentication.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

const mint = (kind: TokenKind) => mintToken(kind, fixture.control.random);

async function agentToken() {
  const { control, as } = fixture;
  const { pool } = await createPool(control, as("owner"), newPool("prod"));
  return {
    pool,
    ...(await createAgentToken(control, as("owner"), { pool: ref("prod"), description: "", expiresInMs: 60_000 })),
  };
}

describe("a credential that is not good says why", () => {
  test.each([
    ["", "this call needs a credential"],
    ["hunter2", "is no Windlass token"],
    ["wdl_xyz_000000000000000000000000000000_000000", "is no Windlass token"],
    ["wdl_usr_000000000000000000000000000000_000000", "wrong checksum"],
  ])("%j", async (token, message) => {
    await expect(authenticate(fixture.control, token)).rejects.toMatchObject({
      code: "token_invalid",
      message: expect.stringContaining(message),
    });
  });

  test.each([
    ["usr", "API key"],
    ["agt", "windlass token create"],
    ["ses", "register the agent again"],
    ["job", "offered again"],
  ] as const)("an unknown %s token", async (kind, message) => {
    await expect(authenticate(fixture.control, mint(kind))).rejects.toMatchObject({
      code: "token_invalid",
      message: expect.stringContaining(message),
    });
  });

  test("an expired agent token", async () => {
    const { control, clock } = fixture;
    const { token, secret } = await agentToken();
    await clock.advance(60_000);
    await expect(authenticate(control, secret)).rejects.toMatchObject({
      code: "token_expired",
      metadata: { token_id: token.id, at: "2026-01-01T00:01:00.000Z" },
    });
  });

  test("a revoked agent token, also once it has expired", async () => {
    const { control, clock, as } = fixture;
    const { token, secret } = await agentToken();
    await revokeAgentToken(control, as("owner"), { id: token.id, stopsJobs: false });
    for (const ms of [0, 120_000]) {
      await clock.advance(ms);
      await expect(authenticate(control, secret)).rejects.toMatchObject({
        code: "token_revoked",
        message: expect.stringContaining("windlass token create"),
        metadata: { token_id: token.id },
      });
    }
  });

  test("a revoked API key", async () => {
    const { control, clock } = fixture;
    const { key, secret } = await createApiKey(control, { name: "ci", role: "site_admin", organizationId: null });
    await control.store.write((tx) => tx.apiKeys.save({ ...key, revokedAt: clock.now() }));
    await expect(authenticate(control, secret)).rejects.toMatchObject({ code: "token_revoked" });
  });
});

describe("a good credential", () => {
  test("an API key is the person it was made for", async () => {
    const { control, organization } = fixture;
    const made = { name: "ci", role: "planner" as const, organizationId: organization.id };
    const { key, secret } = await createApiKey(control, made);
    const address = "192.0.2.7";
    expect(await authenticate(control, secret, { address })).toEqual({ kind: "api_key", id: key.id, ...made, address });
  });

  test("an agent token admits to its own pool", async () => {
    const { control } = fixture;
    const { token, pool, secret } = await agentToken();
    const principal = { kind: "agent_token", id: token.id, poolId: pool.id, organizationId: pool.organizationId };
    expect(await authenticate(control, secret)).toEqual(principal);
  });

  test("a session ends with the token it registered with", async () => {
    const { control, as } = fixture;
    const { token, pool } = await agentToken();
    const session = mint("ses");
    const agent = agentRow(pool, { tokenId: token.id, sessionTokenHash: hashToken(session) });
    await control.store.write((tx) => tx.agents.insert(agent));
    expect(await authenticate(control, session)).toEqual({ kind: "agent_session", agentId: agent.id });
    await revokeAgentToken(control, as("owner"), { id: token.id, stopsJobs: false });
    await expect(authenticate(control, session)).rejects.toMatchObject({ code: "token_revoked" });
  });

  test("a job token outlives the agent token", async () => {
    const { control, as } = fixture;
    const { token, pool } = await agentToken();
    const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("network"));
    const secret = mint("job");
    const agent = agentRow(pool, { tokenId: token.id });
    const run = runRow(workspace, { status: "planning" });
    const job = jobRow(run, { ...startedBy(agent), tokenHash: hashToken(secret) });
    await control.store.write(async (tx) => {
      await tx.agents.insert(agent);
      await tx.runs.insert(run);
      await tx.jobs.insert(job);
    });
    await revokeAgentToken(control, as("owner"), { id: token.id, stopsJobs: false });
    expect(await authenticate(control, secret)).toEqual({ kind: "job", jobId: job.id, epoch: 1 });
  });

  test("a job token ends with its job, once nothing of its log can come any more", async () => {
    const { control, as } = fixture;
    const { pool } = await agentToken();
    const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("network"));
    const agent = agentRow(pool);
    const run = runRow(workspace, { status: "errored" });
    const [awaited, over] = [mint("job"), mint("job")];
    const ended = (secret: string, isLogClosed: boolean) =>
      jobRow(run, { ...startedBy(agent), status: "errored", isLogClosed, tokenHash: hashToken(secret) });
    const waiting = ended(awaited, false);
    await control.store.write(async (tx) => {
      await tx.agents.insert(agent);
      await tx.runs.insert(run);
      await tx.jobs.insert(waiting);
      await tx.jobs.insert(ended(over, true));
    });
    expect(await authenticate(control, awaited)).toMatchObject({ jobId: waiting.id });
    await expect(authenticate(control, over)).rejects.toMatchObject({
      code: "token_invalid",
      message: expect.stringContaining("the job has ended"),
    });
  });

  test("a job token outlives its job while the summary of its plan follows, and for a quarter of an hour at most", async () => {
    const { control, clock } = fixture;
    const { pool } = await agentToken();
    const { workspace } = await createWorkspace(control, fixture.as("owner"), newWorkspace("network"));
    const secret = mint("job");
    const run = runRow(workspace, { status: "applying", planSha256: "0".repeat(64), summaryBlobKey: null });
    const ended = {
      status: "finished",
      isLogClosed: true,
      endedAt: clock.now(),
      tokenHash: hashToken(secret),
    } as const;
    const job = jobRow(run, { ...startedBy(agentRow(pool)), ...ended });
    await control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.jobs.insert(job);
    });
    const known = () => authenticate(control, secret);
    expect(await known()).toMatchObject({ jobId: job.id });
    await control.store.write((tx) => tx.runs.save({ ...run, summaryBlobKey: "here" }));
    await expect(known()).rejects.toMatchObject({ code: "token_invalid" });
    await control.store.write((tx) => tx.runs.save(run));
    await clock.advance(15 * 60_000 + 1);
    await expect(known()).rejects.toMatchObject({ code: "token_invalid" });
  });

  test("the server agent's secret is known to this process only", async () => {
    const { control } = fixture;
    const secret = mint("agt");
    expect(await authenticate(control, secret, { serverAgentTokenHash: hashToken(secret) })).toEqual({
      kind: "server_agent",
    });
    await expect(authenticate(control, secret, { serverAgentTokenHash: hashToken(mint("agt")) })).rejects.toMatchObject(
      {
        code: "token_invalid",
      },
    );
  });

  test("its use is written down, at most once a minute", async () => {
    const { control, clock } = fixture;
    const { key, secret } = await createApiKey(control, { name: "ci", role: "site_admin", organizationId: null });
    const used = async () => (await control.store.read((q) => q.apiKeys.get(key.id)))?.lastUsedAt?.toISOString();
    await authenticate(control, secret);
    expect(await used()).toBe("2026-01-01T00:00:00.000Z");
    await clock.advance(59_000);
    await authenticate(control, secret);
    expect(await used()).toBe("2026-01-01T00:00:00.000Z");
    await clock.advance(1_000);
    await authenticate(control, secret);
    expect(await used()).toBe("2026-01-01T00:01:00.000Z");
  });
});
