import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fakeConnectedAgent, keepAll, openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, jobRow, runRow } from "../../../test/support/rows.ts";
import { apiKey } from "../../../test/support/store/rows.ts";
import { newPool, newWorkspace, ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { createPool } from "../agents/pools.ts";
import { createAgentToken } from "../agents/tokens.ts";
import { createWorkspace } from "../workspaces/workspaces.ts";
import { createOrganization } from "./organizations.ts";
import {
  describeCaller,
  describeOrganization,
  generationKey,
  probePieces,
  retentionTexts,
  serverDescription,
} from "./system.ts";

let fixture: TestControl;
beforeEach(async () => {
  fixture = await openTestControl();
});
afterEach(() => fixture[Symbol.asyncDispose]());

describe("a server describes itself", () => {
  test("with its database, its history, its clock and its limits by the names of their settings", async () => {
    const { control, clock } = fixture;
    await control.store.write((tx) => tx.meta.set(generationKey, "generation-1"));
    const facts = await serverDescription(control)();
    expect(facts).toMatchObject({
      ...{ version: "0.0.0-test", database: "sqlite", generation: "generation-1", hasServerAgent: false },
      ...{ now: clock.now(), maxStateBytes: control.limits.maxStateBytes },
    });
    expect(facts.limits).toMatchObject({
      ...{ "max-config-size": control.limits.maxConfigurationBytes, "max-state-size": control.limits.maxStateBytes },
      ...{ "max-plan-size": control.limits.maxPlanBytes, "max-plan-files-size": control.limits.maxPlanFilesBytes },
      ...{ "max-log-size": control.limits.maxLogBytes, "rate-limit": control.limits.callsPerSecond },
      ...{
        "max-queued-runs": control.limits.maxQueuedRuns,
        "registration-rate": control.limits.registrationsPerMinute,
      },
    });
    expect(Object.keys(facts.limits)).toHaveLength(Object.keys(control.limits).length);
    expect(facts.protocol.minimum).toBeLessThanOrEqual(facts.protocol.maximum);
  });

  test("before it has a history it names none", async () => {
    expect((await serverDescription(fixture.control)()).generation).toBe("");
  });

  test("an agent without a pool is the server's own, and others are not", async () => {
    const { presence } = fixture.control;
    presence.enter(fakeConnectedAgent({ agentId: "agent_1", name: "vm-1", poolId: "apool_1" }).connected);
    expect((await serverDescription(fixture.control)()).hasServerAgent).toBe(false);
    presence.enter(fakeConnectedAgent({ agentId: "agent_2", name: "own", poolId: null }).connected);
    expect((await serverDescription(fixture.control)()).hasServerAgent).toBe(true);
  });
});

describe("what is kept how long is told", () => {
  test("for ever, where nothing is said; a log as long as its run", () => {
    const texts = retentionTexts(keepAll);
    expect(texts["keep-logs"]).toBe("as long as the run");
    expect(new Set(Object.entries(texts).flatMap(([name, text]) => (name === "keep-logs" ? [] : text)))).toEqual(
      new Set(["for ever"]),
    );
  });

  test("each by its own setting", () => {
    const dayMs = 86_400_000;
    const retention = {
      ...{ runsMs: dayMs, logsMs: 2 * dayMs, configurationsMs: 3 * dayMs, exitedAgentsMs: 4 * dayMs },
      ...{ lostAgentsMs: 5 * dayMs, auditMs: 6 * dayMs, endedKeysMs: 7 * dayMs },
      states: { kind: "age", ms: 8 * dayMs } as const,
    };
    expect(retentionTexts(retention)).toEqual({
      ...{ "keep-runs": "1d", "keep-logs": "2d", "keep-configs": "3d", "exited-agent-ttl": "4d" },
      ...{ "lost-agent-ttl": "5d", "keep-audit": "6d", "ended-key-ttl": "7d", "keep-states": "8d" },
    });
    expect(retentionTexts({ ...retention, states: { kind: "count", count: 5 } })["keep-states"]).toBe(
      "5 of a workspace",
    );
  });
});

describe("a caller is described by what the credential is", () => {
  const describeWho = (who: Principal) => describeCaller(fixture.control, who);

  test("an API key: its role, its organization and its end", async () => {
    const expiresAt = new Date("2027-01-01T00:00:00Z");
    const who = fixture.as("planner");
    const row = apiKey({ id: who.id, organizationId: who.organizationId, role: "planner", expiresAt });
    await fixture.control.store.write((tx) => tx.apiKeys.insert(row));
    expect(await describeWho(who)).toEqual({
      ...{ kind: "api_key", id: who.id, name: "an planner", role: "planner", organizations: ["acme"], expiresAt },
    });
  });

  test("a site admin sees every organization", async () => {
    await createOrganization(fixture.control, fixture.admin, {
      ...{ name: "third", maxAgents: 0, maxWorkspaces: 0, requestId: "" },
      ...{ defaultExecutionMode: "remote", defaultEngine: "terraform", defaultEngineVersion: "" },
    });
    expect(await describeWho(fixture.admin)).toMatchObject({
      organizations: ["acme", "rival", "third"],
      expiresAt: null,
    });
  });

  test("an agent token, and the session of an agent that registered with it", async () => {
    const { control, as, organization, clock } = fixture;
    const { pool } = await createPool(control, as("owner"), newPool("prod"));
    const asked = { pool: ref("prod"), description: "racks", expiresInMs: 3_600_000 };
    const { token } = await createAgentToken(control, as("owner"), asked);
    const expiresAt = new Date(clock.now().getTime() + 3_600_000);
    const facts = { role: null, organizations: ["acme"], expiresAt };
    const bearer = { kind: "agent_token", id: token.id, poolId: pool.id, organizationId: organization.id } as const;
    expect(await describeWho(bearer)).toEqual({ kind: "agent_token", id: token.id, name: "racks", ...facts });
    const agent = agentRow(pool, { tokenId: token.id });
    await control.store.write((tx) => tx.agents.insert(agent));
    const session = { kind: "agent_session", agentId: agent.id } as const;
    expect(await describeWho(session)).toEqual({ kind: "agent_session", id: agent.id, name: "vm-1", ...facts });
  });

  test("a job: what it is of", async () => {
    const { control, as } = fixture;
    const { workspace } = await createWorkspace(control, as("owner"), newWorkspace("net"));
    const run = runRow(workspace);
    const job = jobRow(run, { phase: "apply" });
    await control.store.write(async (tx) => {
      await tx.runs.insert(run);
      await tx.jobs.insert(job);
    });
    expect(await describeWho({ kind: "job", jobId: job.id, epoch: 1 })).toEqual({
      ...{ kind: "job", id: job.id, name: `apply of ${run.id}`, role: null, organizations: ["acme"], expiresAt: null },
    });
  });

  test.each<readonly [Principal, string]>([
    [{ kind: "server_agent" }, "server agent"],
    [{ kind: "agent_session", agentId: "agent_9" }, ""],
    [{ kind: "job", jobId: "job_9", epoch: 1 }, ""],
    [{ kind: "agent_token", id: "atok_9", poolId: "apool_9", organizationId: "org_9" }, ""],
  ])("%j, of which nothing is there, belongs to nobody", async (who, name) => {
    expect(await describeWho(who)).toMatchObject({
      kind: who.kind,
      name,
      role: null,
      organizations: [],
      expiresAt: null,
    });
  });
});

describe("an organization's counts", () => {
  test("are for those who see it", async () => {
    const { control, as, admin, sibling } = fixture;
    await createWorkspace(control, as("owner"), newWorkspace("net"));
    const own = await describeOrganization(control, as("reader"), "");
    expect(await describeOrganization(control, admin, "acme")).toEqual(own);
    expect(await describeOrganization(control, as("reader", sibling), "")).not.toEqual(own);
    await expect(describeOrganization(control, as("owner", sibling), "acme")).rejects.toMatchObject({
      code: "not_found",
    });
    await expect(describeOrganization(control, { kind: "server_agent" }, "acme")).rejects.toMatchObject({
      code: "permission_denied",
    });
  });

  test("need a name where several are seen", async () => {
    await expect(describeOrganization(fixture.control, fixture.admin, "")).rejects.toMatchObject({
      ...{ code: "organization_required", metadata: { organizations: "acme,rival" } },
    });
  });
});

describe("a probe", () => {
  const pieces = (count: number, signal = new AbortController().signal) =>
    probePieces(fixture.control, { pieces: count, bytes: 64 }, signal);

  test("is as many pieces as were asked for, none like another, a tenth of a second apart", async () => {
    const seen: Uint8Array[] = [];
    const all = (async () => {
      for await (const piece of pieces(3)) seen.push(piece);
    })();
    await fixture.clock.advance(99);
    expect(seen).toHaveLength(1);
    await fixture.clock.advance(1);
    expect(seen).toHaveLength(2);
    await fixture.clock.advance(100);
    await all;
    expect(new Set(seen.map((piece) => Buffer.from(piece).toString("hex"))).size).toBe(3);
    expect(seen.map(({ length }) => length)).toEqual([64, 64, 64]);
  });

  test("ends when nobody listens, before its next piece", async () => {
    const stop = new AbortController();
    const probe = pieces(100, stop.signal);
    await probe.next();
    const next = probe.next();
    stop.abort();
    expect((await next).done).toBe(true);
    expect((await pieces(3, stop.signal).next()).done).toBe(true);
  });
});
