import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Run } from "../../src/domain/runs/run.ts";
import { type CliServer, openCliServer } from "../support/cli/real-server.ts";
import { jobRow, runRow } from "../support/rows.ts";

let server: CliServer;
let run: Run;

const planLog = "Initializing\n\u001b[31mError\u001b[0m: no zone\nline 3\nerror again\n";

beforeAll(async () => {
  server = await openCliServer();
  await server.done("pool create prod");
  await server.done("workspace create dns --pool prod");
  const { store, logs } = server.control;
  const workspace = await store.read((q) => q.workspaces.byName(server.organization.id, "dns"));
  const pool = await store.read((q) => q.pools.byName(server.organization.id, "prod"));
  if (workspace === undefined || pool === undefined) throw new Error("both were made");
  const ago = (seconds: number) => new Date(server.clock.now().getTime() - seconds * 1_000);
  run = runRow(workspace, { status: "applied", createdAt: ago(400), endedAt: ago(100) });
  const ended = { status: "finished", epoch: 1, attempt: 1, isLogClosed: true, poolId: pool.id } as const;
  const plan = jobRow(run, {
    ...{ ...ended, queuedAt: ago(400), startedAt: ago(395), endedAt: ago(300), logBytes: planLog.length },
  });
  const apply = jobRow(run, {
    ...{ ...ended, phase: "apply", queuedAt: ago(290), startedAt: ago(200), endedAt: ago(100), logBytes: 11 },
  });
  await store.write(async (tx) => {
    await tx.runs.insert(run);
    for (const job of [plan, apply]) await tx.jobs.insert(job);
  });
  await logs.append(`${plan.id}/1`, 0, Buffer.from(planLog));
  await logs.append(`${apply.id}/1`, 0, Buffer.from("an error: x"));
});
afterAll(() => server[Symbol.asyncDispose]());

describe("windlass run logs --search", () => {
  test("prints number and text of each line that has it, of both phases or one", async () => {
    expect((await server.done(["run", "logs", run.id, "--search", "ERROR"])).stdout).toBe(
      "plan:2: Error: no zone\nplan:4: error again\napply:1: an error: x\n",
    );
    const one = ["run", "logs", run.id, "--search", "error", "--match-case", "--phase", "plan"];
    expect((await server.done(one)).stdout).toBe("4: error again\n");
    const lines = (await server.done([...one, "-o", "jsonl"])).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ line: "4", text: "error again" }]);
    expect(await server.json(one)).toMatchObject({ hits: [{ line: "4" }], hitCount: 1 });
  });

  test("nothing found is not found", async () => {
    expect(await server.cli(["run", "logs", run.id, "--search", "nowhere"])).toMatchObject({
      ...{ exit: 3, stderr: expect.stringContaining('no line of the log has "nowhere"') },
    });
  });

  test.each([
    ["--search x --follow", "--follow"],
    ["--search x --raw", "--raw"],
    ["--search x --timestamps", "leave out --search"],
    ["--timestamps --raw", "leave out --search and --raw"],
    ["--match-case", "--match-case needs --search"],
    ["--lines 1-2", "--lines needs --phase"],
    ["--lines 3-2 --phase plan", "120-140"],
    ["--lines 0 --phase plan", "120-140"],
    ["--lines 1x --phase plan", "120-140"],
  ])("%s is refused", async (words, told) => {
    expect(await server.cli(`run logs ${run.id} ${words}`)).toMatchObject({
      ...{ exit: 2, stderr: expect.stringContaining(told) },
    });
  });
});

test("windlass run logs --lines prints lines out of the middle", async () => {
  const lines = (words: string) => server.cli(`run logs ${run.id} --phase plan --lines ${words}`);
  expect(await lines("2-3")).toMatchObject({ exit: 0, stdout: "Error: no zone\nline 3\n" });
  expect(await lines("4-900")).toMatchObject({ exit: 0, stdout: "error again\n" });
  expect((await lines("2 --raw")).stdout).toBe("\u001b[31mError\u001b[0m: no zone\n");
  expect(await lines("9")).toMatchObject({ exit: 3, stderr: expect.stringContaining("it has 4 so far") });
});

test("windlass run logs --timestamps prints when the server got each line", async () => {
  const time = server.control.clock.now().toISOString().replace(".000Z", "Z");
  const logs = async (words: string) => (await server.done(`run logs ${run.id} --timestamps ${words}`)).stdout;
  expect(await logs("--phase plan --lines 2-3")).toBe(`${time} Error: no zone\n${time} line 3\n`);
  const plan = ["Initializing", "Error: no zone", "line 3", "error again"].map((line) => `${time} ${line}\n`).join("");
  expect(await logs("--phase plan")).toBe(plan);
  expect(await logs("")).toBe(`${plan}${time} an error: x`);
});

test("the API tells when lines came, to those who ask for it", async () => {
  const time = server.control.clock.now().toISOString().replace(".000Z", "Z");
  const data = (more: object) => JSON.stringify({ runId: run.id, phase: "RUN_PHASE_PLAN", ...more });
  const lines = (more: object) =>
    server.json(["api", "RunService/GetRunLogLines", "--data", data({ firstLine: 3, lineCount: 1, ...more })]);
  expect(await lines({ withTimes: true })).toMatchObject({ times: [{ time }] });
  expect(await lines({})).toMatchObject({ times: [] });
  const first = async (more: object) => {
    const call = ["api", "RunService/StreamRunLogs", "-o", "jsonl", "--data", data({ offset: 5, ...more })];
    const [line = ""] = (await server.done(call)).stdout.split("\n");
    return JSON.parse(line);
  };
  expect(await first({ withTimes: true })).toMatchObject({ offset: "5", times: [{ time }] });
  expect(await first({})).toMatchObject({ times: [] });
});

test("windlass pool get tells the last hour in a line", async () => {
  expect((await server.done("pool get prod")).stdout).toMatch(
    /Last hour: +2 jobs started, half of them after at most 5s and 95 of 100 after 1m ?30s; at most 1 queued and 1 running at once/,
  );
  await server.done("pool create idle");
  expect((await server.done("pool get idle")).stdout).toMatch(/Last hour: +not used/);
});

test("windlass whoami and workspaces say what a page shows", async () => {
  expect(await server.json("whoami")).toMatchObject({
    permissions: ["PERMISSION_READ", "PERMISSION_PLAN", "PERMISSION_OPERATE", "PERMISSION_OWN"],
  });
  expect(await server.json("workspace get dns")).toMatchObject({ currentRunState: "RUN_STATE_APPLIED" });
});
