import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newId } from "../../src/lib/words/ids.ts";
import { type CliServer, openCliServer } from "../support/cli/real-server.ts";
import { runRow, stateRow } from "../support/rows.ts";

let server: CliServer;
beforeAll(async () => {
  server = await openCliServer();
  await server.done("pool create prod");
});
afterAll(() => server[Symbol.asyncDispose]());

const refused = async (line: string | readonly string[], exit: number, words: string | RegExp, how = {}) => {
  const answer = await server.cli(line, how);
  expect([answer.exit, answer.stdout, answer.stderr.replace(/\s+/g, " ")]).toEqual([
    exit,
    "",
    expect.stringMatching(words),
  ]);
};
const admin = { role: "site_admin" } as const;

describe("windlass org", () => {
  test("an organization is made with its settings, changed, and deleted once it owns nothing", async () => {
    const made = await server.done(
      "org create third --max-agents 5 --default-engine tofu --default-execution-mode local",
      admin,
    );
    expect(made.stdout).toMatch(/Created organization third \(org_\w+\)/);
    expect(made.stderr).toContain("windlass pool create POOL --org third");
    const { stdout } = await server.done("org get third", admin);
    expect(stdout).toMatch(/^Max agents: +5$/m);
    expect(stdout).toMatch(/^Default mode: +local$/m);
    await server.done(
      "org edit third --name fourth --max-agents 0 --max-workspaces 7 --default-engine-version 1.12.6",
      admin,
    );
    expect(await server.json("org get fourth", admin)).toMatchObject({
      ...{ maxAgents: 0, maxWorkspaces: 7, defaultEngine: "ENGINE_TOFU", defaultEngineVersion: "1.12.6" },
    });
    await server.done("pool create own --org fourth", admin);
    await refused("org delete fourth --yes", 5, "fourth", admin);
    await server.done("pool delete own --org fourth --yes", admin);
    expect(await server.json("org delete fourth --yes", admin)).toEqual({ deleted: "org/fourth" });
    await refused("org get fourth", 3, 'organization "fourth" does not exist', admin);
  });

  test("an owner sees and changes their own, and no other", async () => {
    expect((await server.done("org list -o name")).stdout).toBe("org/acme\n");
    expect((await server.done("org list -o name", admin)).stdout).toBe("org/acme\norg/rival\n");
    await server.done("org edit --default-execution-mode local");
    expect(await server.json("org get")).toMatchObject({ name: "acme", defaultExecutionMode: "EXECUTION_MODE_LOCAL" });
    await refused("org get rival", 3, "rival");
    await refused("org edit rival --max-agents 1", 3, 'organization "rival" does not exist');
    await refused("org create mine", 4, "site admin");
    await refused("org edit", 2, "nothing to change");
    await refused("org create", 2, "NAME", admin);
    await refused("org create x --max-agents many", 2, "max-agents", admin);
  });

  test("who sees several has to say which", async () => {
    await refused("pool list", 2, /acme, rival/, admin);
    expect((await server.done("pool list -o name --org acme", admin)).stdout).toBe("pool/prod\n");
  });
});

describe("windlass token", () => {
  test("a secret stands alone on stdout, once, and off a terminal nowhere else", async () => {
    const made = await server.done("token create --pool prod --name racks --expires 30d");
    expect(made.stdout).toMatch(/^wdl_agt_\S+\n$/);
    const secret = made.stdout.trim();
    expect(made.stderr).not.toContain(secret);
    expect(made.stderr).toMatch(/Token atok_\w+ of pool prod, good until 2026-01-31/);
    expect(made.stderr).toContain("WINDLASS_AGENT_TOKEN=SECRET windlass-agent --address http://");
    for (const line of ["token list", "token list -o json", "token list -o wide"])
      expect((await server.done(line)).stdout).not.toContain(secret);
    expect((await server.done("token create --pool prod --expires 0")).stderr).toContain("good for ever");
  });

  test("is replaced and revoked by its name or its id, and by no name that two have", async () => {
    await server.done("token create --pool prod --name one");
    for (const _twice of [1, 2]) await server.done("token create --pool prod --name twin");
    await refused(
      "token rotate twin",
      5,
      /2 agent tokens are named "twin": say which by its id \(atok_\w+, atok_\w+\)/,
    );
    await refused("token revoke nobody --yes", 3, 'agent token "nobody" does not exist');
    const rotated = await server.done("token rotate one --grace 0");
    expect(rotated.stdout).toMatch(/^wdl_agt_\S+\n$/);
    expect(rotated.stderr).toContain("which has ended");
    await refused(
      "token revoke racks",
      2,
      /Revoke token atok_\w+ \(racks\) of pool prod\? Nobody can be asked here: add --yes/,
    );
    await refused("token revoke racks --stop", 2, "the workspaces of their applies stay locked until somebody decides");
    expect((await server.done("token revoke racks --yes")).stdout).toMatch(/Revoked token atok_\w+ of pool prod/);
    await refused("token create", 2, "--pool");
    await refused("token create --pool prod --expires never", 2, "--expires");
  });
});

describe("windlass audit", () => {
  test("tells who did what to what, newest first, and finds it", async () => {
    await server.done("pool create audited");
    await server.clock.advance(1_000);
    await server.done("pool edit audited --description x");
    const { events: auditEvents = [] } = (await server.json("audit list --action pool.")) as {
      events?: { action: string; actor: string }[];
    };
    expect(auditEvents.slice(0, 2).map(({ action }) => action)).toEqual(["pool.update", "pool.create"]);
    expect(auditEvents[0]?.actor).toMatch(/^the owner \(key_\w+\)$/);
    expect(await server.json("audit list --action pool. --actor nobody")).toMatchObject({ events: [] });
    const exported = (await server.done("audit export --action pool. -o jsonl")).stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(exported.length).toBe(auditEvents.length);
    await refused("audit list --since tomorrow", 2, "since");
    await refused("audit list", 4, "role", { role: "planner" });
    await refused("audit export", 4, "role", { role: "operator" });
  });
});

describe("windlass status and whoami", () => {
  test("say who one is, and what needs somebody, each with what deals with it", async () => {
    await server.done("workspace create stuck --pool prod");
    await server.done("workspace create kept");
    const { control, organization, clock } = server;
    const [stuck, kept] = await control.store.read(async (q) => [
      await q.workspaces.byName(organization.id, "stuck"),
      await q.workspaces.byName(organization.id, "kept"),
    ]);
    if (stuck === undefined || kept === undefined) throw new Error("they were made");
    const lost = runRow(stuck, { status: "errored", errorMessage: "its agent was lost", endedAt: clock.now() });
    const planned = runRow(kept, { status: "planned", plannedChanges: { add: 2, change: 0, destroy: 0, import: 0 } });
    await control.store.write(async (tx) => {
      for (const run of [lost, planned]) await tx.runs.insert(run);
      await tx.workspaces.save({ ...stuck, lock: { kind: "run", runId: lost.id, at: clock.now() } });
      await tx.workspaces.save({ ...kept, lock: { kind: "run", runId: planned.id, at: clock.now() } });
      const reason = { status: "quarantined", quarantineReason: "too late" } as const;
      await tx.states.insert(stateRow(kept, { id: newId("sv", control.random), ...reason }));
    });
    await server.clock.advance(120_000);
    const { stdout } = await server.done("status");
    expect(stdout).toMatch(/^You: +the owner, owner/m);
    expect(stdout).toMatch(/^Runs in progress: +1$/m);
    expect(stdout).toMatch(/Lost applies: 1\n +stuck run_\w+ \(2m\).*\n +windlass run resolve run_\w+$/m);
    expect(stdout).toMatch(/Plans to confirm: 1\n.*\n +windlass run confirm run_\w+$/m);
    expect(stdout).toMatch(/States kept aside: 1\n.*\n +windlass state list kept --quarantined$/m);
    expect(stdout).toMatch(/Pools without agents: 1\n.*\n +windlass token create --pool prod --name HOST$/m);
    const told = (await server.json("status")) as {
      needsSomebody: { items: { command: string }[] }[];
      poolsWithoutAgents: { name: string }[];
    };
    expect(told.needsSomebody.flatMap(({ items }) => items.map(({ command }) => command))).toEqual(
      expect.arrayContaining([`windlass run resolve ${lost.id}`, `windlass run confirm ${planned.id}`]),
    );
    expect(told.poolsWithoutAgents.map(({ name }) => name)).toContain("prod");
    // Who is in no organization alone has to name it.
    expect((await server.done("status", admin)).stdout).toContain(`windlass run resolve ${lost.id} --org acme`);
  });

  test.each(["reader", "planner", "operator", "owner"] as const)(
    "a %s is told their role and their organization",
    async (role) => {
      const { stdout } = await server.done("whoami", { role });
      expect(stdout).toMatch(new RegExp(`^Role: +${role}`, "m"));
      expect(stdout).toMatch(/^Organizations: +acme$/m);
      expect(stdout).toMatch(/^Token from: +WINDLASS_TOKEN$/m);
    },
  );
});

describe("windlass providers", () => {
  test("what is set is there, and what is unset or deleted is gone", async () => {
    await refused("providers set --pool prod --source nowhere", 2, "source");
    await refused("providers set --pool prod", 2, "nothing to change|give");
    await server.done("providers set --pool prod --source direct");
    expect(await server.json("providers get --pool prod")).toMatchObject({ sources: [{ direct: {} }] });
    await server.done("providers unset --pool prod --sources");
    expect(await server.json("providers get --pool prod")).toMatchObject({ sources: [] });
    await refused("providers delete --pool prod", 2, "--yes");
    await server.done("providers delete --pool prod --yes");
  });
});
