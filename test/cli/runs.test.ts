import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Lost } from "../../src/domain/runs/lost.ts";
import type { Run } from "../../src/domain/runs/run.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import type { RunId } from "../../src/lib/words/ids.ts";
import { type CliServer, openCliServer } from "../support/cli/real-server.ts";
import { agentRow, jobRow, plainOptions, runRow, startedBy } from "../support/rows.ts";
import { configuration } from "../support/store/rows.ts";

let server: CliServer;
let workspace: Workspace;
let count = 0;

beforeAll(async () => {
  server = await openCliServer();
  await server.done("pool create prod");
});
afterAll(() => server[Symbol.asyncDispose]());

/** A workspace of each test's own. */
beforeEach(async () => {
  await server.clock.advance(60_000);
  const name = `ws-${++count}`;
  await server.done(`workspace create ${name}`);
  const found = await server.control.store.read((q) => q.workspaces.byName(server.organization.id, name));
  if (found === undefined) throw new Error("the workspace was made");
  workspace = found;
});

const planSha256 = "a".repeat(64);
async function given(change: Partial<Run>, { holds = false }: { readonly holds?: boolean } = {}): Promise<Run> {
  const now = server.clock.now();
  const run = runRow(workspace, { createdAt: now, statusAt: now, createdBy: "ana (key_1)", planSha256, ...change });
  await server.control.store.write(async (tx) => {
    const { organizationId, configurationId: id } = run;
    const known = await tx.configurations.get(id);
    if (known === undefined)
      await tx.configurations.insert(configuration({ id, organizationId, workspaceId: workspace.id }));
    await tx.runs.insert(run);
    if (holds) await tx.workspaces.save({ ...workspace, lock: { kind: "run", runId: run.id, at: now } });
  });
  await server.clock.advance(1_000);
  return run;
}
const now = (id: RunId) => server.control.store.read((q) => q.runs.get(id));
const refused = async (line: string, exit: number, words: string | RegExp, how = {}) => {
  const answer = await server.cli(line, how);
  expect([answer.exit, answer.stdout, answer.stderr.replace(/\s+/g, " ")]).toEqual([
    exit,
    "",
    expect.stringMatching(words),
  ]);
};

const lost = (total: number): Lost => ({
  resources: Array.from({ length: Math.min(total, 12) }, (_, n) => ({
    ...{
      address: `aws_instance.a[${n}]`,
      action: "create",
      provider: "registry.terraform.io/hashicorp/aws",
      idKey: "id",
    },
    ...{ id: `i-${n}`, finishedAt: "2026-01-01T00:00:00Z", held: "absent" as const, isHidden: false },
  })),
  count: total,
});
/** A run whose agent was lost in its apply. */
const lostApply = async (change: Partial<Run> = {}) => {
  const run = await given(
    { status: "errored", errorMessage: "agent vm-1 was lost", endedAt: server.clock.now(), ...change },
    { holds: true },
  );
  const apply = jobRow(run, {
    ...startedBy(agentRow(null)),
    phase: "apply",
    status: "interrupted",
    endedAt: server.clock.now(),
  });
  await server.control.store.write((tx) => tx.jobs.insert(apply));
  return run;
};

describe("which run a workspace stands for", () => {
  test("to be decided: the one that waits for it; to be looked at: the newest", async () => {
    const planned = await given(
      { status: "planned", plannedChanges: { add: 1, change: 0, destroy: 0, import: 0 } },
      { holds: true },
    );
    const newest = await given({ status: "pending" });
    expect((await server.done(`run get ${workspace.name} -o name`)).stdout).toBe(`run/${newest.id}\n`);
    expect((await server.done(`run get ${workspace.name}@latest -o name`)).stdout).toBe(`run/${newest.id}\n`);
    const confirmed = await server.done(`run confirm ${workspace.name}`);
    expect(confirmed.stdout + confirmed.stderr).toContain(planned.id);
    expect((await now(planned.id))?.status).toBe("apply_queued");
    expect((await now(newest.id))?.status).toBe("pending");
  });

  test("to be canceled: the one that is not over, and none where all are", async () => {
    const ended = await given({ status: "applied", endedAt: server.clock.now() });
    await refused(
      `run cancel ${workspace.name}`,
      5,
      `every run of workspace ${workspace.name} has ended: the newest, ${ended.id}, is applied`,
    );
    const queued = await given({ status: "plan_queued" }, { holds: true });
    await server.control.store.write((tx) => tx.jobs.insert(jobRow(queued)));
    await given({ status: "pending" });
    await server.done(`run cancel ${workspace.name}`);
    expect((await now(queued.id))?.status).toBe("canceled");
  });

  test.each(["get", "plan", "watch", "confirm", "retry", "lost", "logs"])(
    "of a workspace without any %s says so, and how to start one",
    async (verb) => {
      await refused(
        `run ${verb} ${workspace.name}`,
        3,
        `there is no run in workspace ${workspace.name} yet.*run start ${workspace.name} --dir DIR`,
      );
    },
  );

  test.each([
    ["run_", "give at least four characters after run_"],
    ["run_zzzz", 'there is no run whose id begins with "run_zzzz"'],
  ])("what begins like an id and is none is not taken for a workspace: %s", async (target, words) => {
    await refused(`run get ${target}`, 3, words);
  });
});

describe("windlass run get and list", () => {
  test("a run is told with what it was asked for, what came of it and who decided", async () => {
    const run = await given({
      ...{
        status: "applied",
        message: "resize",
        urgency: 2,
        retryOf: null,
        decidedBy: "ben (key_2)",
        decisionComment: "ok",
      },
      ...{ engine: "tofu", engineVersion: "1.12.6", endedAt: server.clock.now(), source: "cli" },
      options: { ...plainOptions, isDestroy: true, skipsRefresh: true, targets: ["t.a", "t.b"], excludes: ["t.c"] },
      plannedChanges: { add: 1, change: 2, destroy: 3, import: 0 },
      appliedChanges: { add: 1, change: 2, destroy: 3, import: 0 },
    });
    const { stdout } = await server.done(`run get ${run.id}`);
    for (const line of [
      /^State: +applied$/m,
      /^Kind: +destroy, no refresh$/m,
      /^Limited to: +t\.a, t\.b$/m,
      /^Leaves out: +t\.c$/m,
      /^Message: +resize$/m,
      /^Engine: +tofu 1\.12\.6$/m,
      /^Planned: +1 to add, 2 to change, 3 to destroy$/m,
      /^Applied: +1 added, 2 changed, 3 destroyed$/m,
      /^Decided by: +ben \(key_2\)$/m,
      /^Priority: +low$/m,
      /^Created by: +ana \(key_1\), with the command line$/m,
    ])
      expect(stdout).toMatch(line);
    expect(await server.json(`run get ${run.id}`)).toMatchObject({
      id: run.id,
      state: "RUN_STATE_APPLIED",
      priority: "RUN_PRIORITY_LOW",
    });
  });

  test.each([
    ["--state planned", ["planned"]],
    ["--state planned,errored", ["errored", "planned"]],
    ["--active", ["pending", "planned"]],
    ["--needs-decision", ["planned"]],
    ["--search Needle", ["errored"]],
    ["--source browser", ["pending"]],
    ["--source browser,cli,tfe-api", ["errored", "pending"]],
    ["--since 1h", ["errored", "pending", "planned"]],
    ["--until 1h", []],
  ])("a list has what is asked for: %s", async (flags, statuses) => {
    await given({ status: "planned" }, { holds: true });
    await given({ status: "pending", source: "browser" });
    await given({ status: "errored", source: "tfe-api", message: "a needle in it", endedAt: server.clock.now() });
    const { runs } = (await server.json(`run list -w ${workspace.name} ${flags}`)) as { runs: { state: string }[] };
    expect(runs.map(({ state }) => state).toSorted()).toEqual(
      statuses.map((status) => `RUN_STATE_${status.toUpperCase()}`),
    );
    expect(await server.json(`workspace runs ${workspace.name} ${flags}`)).toMatchObject({ runs });
  });

  test.each([
    ["run list --state lost", "state"],
    ["run list --source web", "source"],
    ["run list --since yesterday", "since"],
    ["run list --limit 0x", "limit"],
    ["run list --columns id,nothing", "nothing"],
  ])("%s is a mistake, and is explained", async (line, words) => {
    await refused(line, 2, words);
  });
});

describe("windlass run priority, comment and retry", () => {
  test("a priority is one of three, and nothing else that JavaScript knows", async () => {
    const run = await given({ status: "pending" });
    await server.done(`run priority ${run.id} high`);
    expect((await now(run.id))?.urgency).toBe(0);
    for (const word of ["urgent", "toString", "constructor", "HIGH", "0"])
      await refused(`run priority ${run.id} ${word}`, 2, `PRIORITY is one of high, normal, low, not "${word}"`);
  });

  test("a comment is all that follows, and run get shows it", async () => {
    const run = await given({ status: "planned" }, { holds: true });
    await server.done(["run", "comment", run.id, "waits", "for", "CHG-118"]);
    expect((await server.done(`run get ${run.id}`)).stdout).toMatch(/the owner \(key_\w+\).*: waits for CHG-118$/m);
    await refused(`run comment ${run.id}`, 2, "TEXT");
  });

  test("a retry repeats a run that has ended, with its own message or another", async () => {
    const run = await given({ status: "errored", message: "first", endedAt: server.clock.now() });
    const again = await server.done(["run", "retry", run.id, "-m", "second"]);
    expect(again.stdout).toMatch(new RegExp(`Started (run_\\w+), which repeats ${run.id}`));
    expect(again.stderr).toMatch(/windlass run logs run_\w+ -f/);
    expect(await server.json(`run get ${workspace.name}`)).toMatchObject({ retryOf: run.id, message: "second" });
    await refused(`run retry ${workspace.name}`, 5, "only a run that has ended can be retried");
  });
});

describe("windlass run resolve", () => {
  test("without a decision shows what is known, and what can be decided", async () => {
    const run = await lostApply();
    const shown = await server.done(`run resolve ${workspace.name}`);
    expect(shown.stdout).toMatch(/^Error: +agent vm-1 was lost$/m);
    expect(shown.stdout).toMatch(/^State it stored last: +none$/m);
    for (const word of ["wait", "accept-snapshot", "unlock"])
      expect(shown.stderr).toContain(`windlass run resolve ${run.id} ${word}`);
    expect(await server.json(`run resolve ${run.id}`)).toMatchObject({ id: run.id });
    expect((await now(run.id))?.decidedBy).toBe("");
  });

  test("to unlock asks before it does, with what may go wrong; to wait asks nothing", async () => {
    const run = await lostApply();
    await refused(
      `run resolve ${run.id} unlock`,
      2,
      /Its \w+ may still be running\. Unlock the workspace of run_\w+ all the same\?.*add --yes/,
    );
    expect((await server.done(["run", "resolve", run.id, "wait", "--comment", "back soon"])).stdout).toContain(
      "goes on waiting for its agent",
    );
    expect((await server.done(`run resolve ${run.id} unlock --yes`)).stdout).toContain(
      "the workspace keeps the state it had",
    );
    await refused(`run resolve ${run.id} unlock --yes`, 5, "there is nothing to resolve");
    await refused(`run resolve ${run.id}`, 5, "there is nothing to resolve");
  });

  test("knows three decisions, and no others", async () => {
    const run = await lostApply();
    for (const word of ["accept", "toString", "force"])
      await refused(
        `run resolve ${run.id} ${word}`,
        2,
        `DECISION is one of wait, accept-snapshot, unlock, not "${word}"`,
      );
  });

  test("is refused where commands that force are, before the server is asked", async () => {
    const run = await given({ status: "planned" }, { holds: true });
    await refused(`run resolve ${run.id} unlock --yes`, 5, "holds no workspace after a lost apply");
  });
});

describe("windlass run lost", () => {
  test("lists what is in no state, all of it in JSON, and how to import it", async () => {
    const run = await lostApply({ lost: lost(2) });
    const shown = await server.done(`run lost ${workspace.name}`);
    expect(shown.stdout).toMatch(/^aws_instance\.a\[0\] +create +registry\.terraform\.io\/hashicorp\/aws +i-0 /m);
    expect(shown.stderr).toContain(`windlass run lost ${run.id} -o hcl`);
    expect(await server.json(`run lost ${run.id}`)).toMatchObject({
      lostCount: 2,
      lost: [{ id: "i-0" }, { id: "i-1" }],
    });
    expect((await server.done(`run lost ${run.id} -o name`)).stdout).toBe("aws_instance.a[0]\naws_instance.a[1]\n");
    const hcl = (await server.done(`run lost ${run.id} -o hcl`)).stdout;
    expect(hcl).toMatch(/import \{\s+to += aws_instance\.a\[0\]\s+id += "i-0"\s+\}/);
  });

  test("says how many are not listed, and nothing of a run that has lost nothing", async () => {
    const run = await lostApply({ lost: { ...lost(12), count: 500 } });
    expect((await server.done(`run lost ${run.id}`)).stderr).toContain("488 more are not listed: read its log");
    const fine = await given({ status: "applied", endedAt: server.clock.now() });
    expect(await server.done(`run lost ${fine.id}`)).toMatchObject({ stdout: "", stderr: "(none)\n" });
    expect((await server.done(`run get ${run.id}`)).stdout).toMatch(
      /aws_instance\.a\[9\] \(create\) and 490 more: windlass run lost/,
    );
  });
});
