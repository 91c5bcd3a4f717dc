import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newId } from "../../src/lib/words/ids.ts";
import { type CliServer, openCliServer } from "../support/cli/real-server.ts";
import { agentRow, jobRow, runRow } from "../support/rows.ts";
import { token } from "../support/store/rows.ts";

let server: CliServer;
beforeAll(async () => {
  server = await openCliServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const cli: CliServer["cli"] = (...call) => server.cli(...call);
const done: CliServer["done"] = (...call) => server.done(...call);

const poolRow = async (name: string) => {
  const found = await server.control.store.read((q) => q.pools.byName(server.organization.id, name));
  if (found === undefined) throw new Error(`there is no pool ${name}`);
  return found;
};
const workspaceRow = async (name: string) => {
  const found = await server.control.store.read((q) => q.workspaces.byName(server.organization.id, name));
  if (found === undefined) throw new Error(`there is no workspace ${name}`);
  return found;
};

describe("windlass pool create and edit", () => {
  test("a pool is for all unless it is said, and the next steps fit it", async () => {
    const open = await done("pool create open --description racks");
    expect(open.stdout).toMatch(/^\S+ Created pool open \(apool_\w+\)\n$/);
    expect(open.stderr).toContain("windlass token create --pool open --name HOST");
    expect(open.stderr).toContain("windlass pool assign open WS");
    const granted = await done("pool create narrow --organization-scoped=false --grant later,never");
    expect(granted.stderr).toContain("windlass pool grant narrow WS");
    expect(granted.stderr).toMatch(/later/);
    expect(await server.json("pool get narrow")).toMatchObject({
      ...{ name: "narrow", organizationScoped: false, grantedWorkspaces: ["later", "never"] },
    });
  });

  test("what an edit does not name stays", async () => {
    await done("pool create edited --description before");
    await done("pool edit edited --organization-scoped=false");
    expect(await server.json("pool get edited")).toMatchObject({ description: "before", organizationScoped: false });
    await done(["pool", "edit", "edited", "--description", "", "--name", "renamed"]);
    expect(await server.json("pool get renamed")).toMatchObject({ description: "", organizationScoped: false });
  });

  test.each([
    ["pool edit open", 2, "nothing to change: give at least one flag"],
    ["pool edit nothing --name x", 3, 'agent pool "nothing" does not exist'],
    ["pool create open", 5, "open"],
    ["pool create No.Name", 2, "NAME: expected 1 to 63 letters"],
    ["pool create", 2, "NAME"],
    ["pool edit open --name narrow", 5, "narrow"],
    ["pool list --order-by size", 2, "order-by"],
  ])("%s is refused with %d", async (line, exit, words) => {
    const answer = await cli(line);
    expect([answer.exit, answer.stdout, answer.stderr]).toEqual([exit, "", expect.stringContaining(words)]);
  });
});

describe("windlass pool list, get and stats", () => {
  test("order and search are the server's", async () => {
    await done("pool create zz-last --description findme");
    const names = async (line: string) => (await done(line)).stdout.trim().split("\n");
    const ascending = await names("pool list -o name");
    expect(ascending).toEqual([...ascending].sort());
    const descending = (await done(["pool", "list", "-o", "name", "--order-by", "name desc"])).stdout
      .trim()
      .split("\n");
    expect(descending).toEqual(ascending.toReversed());
    expect(await names("pool list -o name --search FINDME")).toEqual(["pool/zz-last"]);
    const limited = await done("pool list -o name --limit 1");
    expect(limited.stdout.trim().split("\n")).toHaveLength(1);
    expect(limited.stderr).toContain("(the first 1 rows; for the rest: --all)");
  });

  test("counts tell agents and jobs as they are", async () => {
    await done("pool create counted");
    const pool = await poolRow("counted");
    await done("workspace create counted --pool counted");
    const workspace = await workspaceRow("counted");
    const run = runRow(workspace, { status: "plan_queued" });
    await server.control.store.write(async (tx) => {
      await tx.agents.insert(agentRow(pool, { name: "a", status: "idle", concurrency: 3 }));
      await tx.agents.insert(agentRow(pool, { name: "b", status: "busy", isPaused: true, concurrency: 2 }));
      await tx.agents.insert(agentRow(pool, { name: "c", status: "unknown" }));
      await tx.agents.insert(agentRow(pool, { name: "d", status: "errored" }));
      await tx.agents.insert(agentRow(pool, { name: "e", status: "exited" }));
      await tx.runs.insert(run);
      await tx.jobs.insert(jobRow(run, { poolId: pool.id, queuedAt: server.clock.now() }));
    });
    await server.clock.advance(90_000);
    expect(await server.json("pool stats counted")).toMatchObject({
      ...{ idleAgents: 1, busyAgents: 1, unknownAgents: 1, erroredAgents: 1, pausedAgents: 1, queuedJobs: 1 },
    });
    const { stdout } = await done("pool stats counted");
    expect(stdout).toMatch(/^Idle agents: +1$/m);
    expect(stdout).toMatch(/^Of these paused: +1$/m);
    const listed = (await done("pool list -o wide")).stdout.split("\n").find((line) => line.startsWith("counted"));
    expect(listed).toMatch(/1 idle, 1 busy, 1 silent, 1 lost/);
    const shown = (await done("pool get counted")).stdout;
    expect(shown).toMatch(/^Agents: +1 idle, 1 busy, 1 silent, 1 lost, 1 of them paused$/m);
    expect(shown).toMatch(/^Jobs: +1 queued, 0 running$/m);
    expect(shown).toMatch(/^May be used by: +every workspace$/m);
    expect(shown).toMatch(/^Assigned to: +counted$/m);
    expect(shown).toContain(run.id);
    const queue = (await done("pool queue counted")).stdout;
    expect(queue).toMatch(new RegExp(`^1 +${run.id} +counted`, "m"));
    expect((await done("pool queue counted -o name")).stdout).toMatch(/^job\/job_\w+\n$/);
    expect(
      (await done("pool queue counted -o jsonl")).stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ runId: run.id, queuePosition: 1, workspace: "counted" }]);
  });

  test("a pool in use without agents is warned of, and one that nobody uses is not", async () => {
    await done("pool create lonely");
    expect((await done("pool get lonely")).stderr).not.toContain("no agent is online");
    await done("workspace create alone --pool lonely");
    const { stderr } = await done("pool get lonely");
    expect(stderr).toContain("pool lonely: no agent is online for 1 workspace");
    expect(stderr).toContain("windlass token create --pool lonely --name HOST");
    expect((await done("pool get lonely -o json")).stderr).not.toContain("no agent is online");
  });
});

describe("windlass pool grant, revoke, assign and unassign", () => {
  test("a grant may come before its workspace, which is said", async () => {
    await done("pool create grants --organization-scoped=false");
    await done("workspace create granted");
    const answer = await done("pool grant grants granted ghost");
    expect(answer.stdout).toContain("Pool grants may be used by granted, ghost");
    expect(answer.stderr).toMatch(/ghost/);
    expect(answer.stderr).toContain("windlass pool assign grants granted ghost");
    expect(await server.json("pool get grants")).toMatchObject({ grantedWorkspaces: ["ghost", "granted"] });
    const refused = await cli("pool revoke grants ghost");
    expect([refused.exit, refused.stderr]).toEqual([2, expect.stringContaining("add --yes")]);
    await done("pool revoke grants ghost --yes");
    expect(await server.json("pool get grants")).toMatchObject({ grantedWorkspaces: ["granted"] });
  });

  test("workspaces are assigned all or none", async () => {
    await done("pool create takers --organization-scoped=false --grant t1");
    await done("workspace create t1");
    await done("workspace create t2");
    const refused = await cli("pool assign takers t1 t2");
    expect(refused.exit).toBe(5);
    expect(await server.json("workspace get t1")).toMatchObject({ executionMode: "EXECUTION_MODE_REMOTE" });
    expect((await done("pool assign takers t1")).stdout).toContain("Pool takers runs t1 on its agents");
    expect(await server.json("workspace get t1")).toMatchObject({ agentPool: "takers" });
  });

  test("unassign takes each off its own pool, and says who has none", async () => {
    for (const name of ["one", "two"]) await done(`pool create ${name}`);
    for (const [workspace, pool] of [
      ["u1", "one"],
      ["u2", "two"],
      ["u3", "one"],
    ])
      await done(`workspace create ${workspace} --pool ${pool}`);
    await done("workspace create u4");
    const answer = await done("pool unassign u1 u2 u3 u4");
    expect(answer.stdout).toContain("u1, u3 of pool one: the execution mode is remote now");
    expect(answer.stdout).toContain("u2 of pool two: the execution mode is remote now");
    expect(answer.stderr).toContain("workspace u4 uses no pool");
    for (const name of ["u1", "u2", "u3"])
      expect(await server.json(`workspace get ${name}`)).toMatchObject({
        executionMode: "EXECUTION_MODE_REMOTE",
        agentPool: "",
      });
  });

  test("unassign to local mode, for programs", async () => {
    await done("pool create left");
    await done("workspace create l1 --pool left");
    const answer = await server.json("pool unassign l1 --execution-mode local");
    expect(answer).toMatchObject({ agentPools: [{ name: "left", assignedWorkspaces: [] }] });
    expect(await server.json("workspace get l1")).toMatchObject({ executionMode: "EXECUTION_MODE_LOCAL" });
  });
});

describe("windlass pool delete", () => {
  test("asks with what goes along, and refuses without a person", async () => {
    await done("pool create full --organization-scoped=false --grant a,b");
    const pool = await poolRow("full");
    await server.control.store.write(async (tx) => {
      const row = token({
        id: newId("atok", server.control.random),
        organizationId: pool.organizationId,
        poolId: pool.id,
        hash: "full",
      });
      await tx.tokens.insert(row);
      await tx.agents.insert(agentRow(pool, { name: "x", status: "idle" }));
      await tx.agents.insert(agentRow(pool, { name: "y", status: "errored" }));
    });
    const refused = await cli("pool delete full");
    expect([refused.exit, refused.stderr]).toEqual([
      2,
      expect.stringContaining("Delete pool full? It takes along: 1 connected agent, 1 lost agent, 1 token, 2 grants."),
    ]);
    expect(await server.json("pool delete full --yes")).toEqual({ deleted: "pool/full" });
    expect((await cli("pool get full")).exit).toBe(3);
  });

  test("is refused before anything is deleted, where one of them is used", async () => {
    await done("pool create free");
    await done("pool create used");
    await done("workspace create user --pool used");
    const refused = await cli("pool delete free used --yes");
    expect([refused.exit, refused.stdout]).toEqual([5, ""]);
    expect(refused.stderr).toContain("pool used is used by user: assign it to another pool first");
    expect(refused.stderr).toContain("windlass workspace list --pool used");
    expect((await done("pool list -o name --search free")).stdout).toBe("pool/free\n");
    expect((await cli("pool delete free ghost --yes")).exit).toBe(3);
    expect((await done("pool list -o name --search free")).stdout).toBe("pool/free\n");
  });
});

describe("windlass pool update", () => {
  /** A server with these versions for agents. */
  const offers = (...versions: readonly string[]) => {
    const releases = versions.map((version) => ({ version, isWithdrawn: false, platforms: ["linux-x64"] }));
    const none = new Uint8Array();
    const served = { ...{ manifest: none, signatures: none, sha256: "", files: new Set<string>() }, releases };
    const read = async function* () {};
    Object.assign(server.control, {
      agentUpdates: {
        releases: { current: async () => served, read: async () => read() },
        wishFor: async () => undefined,
        changed: () => {},
      },
    });
  };

  test("tells at once that the server does not have the version, and whenever it is looked at", async () => {
    offers("9.9.1", "9.9.2");
    await done("pool create updated");
    const missing = /^\S+ the server has no version 9\.9\.7: the newest is 9\.9\.2\n$/;
    const set = await done("pool update updated --mode patch --to 9.9.7");
    expect([set.stdout, set.stderr]).toEqual([expect.stringContaining("to 9.9.7"), expect.stringMatching(missing)]);
    for (const line of ["pool update updated", "pool update updated -o json", "pool get updated -o json"])
      expect((await done(line)).stderr).toMatch(missing);
    const shown = await done("pool get updated");
    expect(shown.stdout).toContain("the newest version is 9.9.2");
    expect(shown.stderr).toContain("the server has no version 9.9.7");
    expect((await done("pool update updated --to 9.9.2")).stderr).toBe("");
    expect((await done("pool update updated --newest")).stderr).toBe("");
  });

  test("goes back to the target that was set before, and nowhere where none was", async () => {
    offers("1.0.1");
    await done("pool create back");
    const refused = "pool back had no target before: name a version with --to";
    for (const step of ["--mode patch", "--to 1.0.0"]) {
      await done(`pool update back ${step}`);
      expect((await cli("pool update back --rollback")).stderr).toContain(refused);
    }
    await done("pool update back --to 1.0.1");
    expect((await done("pool update back --rollback")).stdout).toContain("to 1.0.0");
  });

  test.each([
    ["latest", "--to is a version: for the newest that the mode allows, give --newest"],
    ["Newest", "--to is a version: for the newest that the mode allows, give --newest"],
    ["v1.4.2", '--to is a version such as 1.4.2, not "v1.4.2"'],
  ])("--to %s is refused in words", async (given, words) => {
    const answer = await cli(["pool", "update", "open", "--to", given]);
    expect([answer.exit, answer.stdout, answer.stderr]).toEqual([2, "", expect.stringContaining(words)]);
    expect(answer.stderr).not.toContain("[0-9]");
  });
});
