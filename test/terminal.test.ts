import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentPoolService } from "../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../src/gen/windlass/v1/agent_service_pb.ts";
import { FakeRuns, runId } from "./support/cli/fake-runs.ts";
import { FakeServer } from "./support/cli/fake-server.ts";
import { programPath } from "./support/programs.ts";
import { until } from "./support/until.ts";

const never = () => new Promise<never>(() => {});
const pty = fileURLToPath(new URL("./support/on_terminal.py", import.meta.url));

let fake: FakeRuns;
let server: FakeServer;
let home: string;
let shown = "";
let child: ChildProcessWithoutNullStreams | undefined;
const deleted: string[] = [];

beforeEach(async () => {
  [shown, child] = ["", undefined];
  home = await mkdtemp(join(tmpdir(), "windlass-terminal-"));
  fake = new FakeRuns();
  server = await new FakeServer((router) => {
    fake.routes(router);
    router.service(AgentPoolService, {
      getAgentPoolOverview: ({ agentPool }) => ({
        agentPool: { id: agentPool, name: agentPool, counts: { idleAgents: 2 } },
      }),
      deleteAgentPool: ({ agentPool }) => {
        deleted.push(agentPool);
        return {};
      },
      listAgentPools: never,
    });
    router.service(AgentService, {
      // biome-ignore lint/correctness/useYield: it never says anything
      async *watchAgents() {
        await never();
      },
    });
  }).start();
});
afterEach(async () => {
  child?.kill("SIGKILL");
  await server.stop();
  await rm(home, { recursive: true, force: true });
});

/** Starts `windlass` on a terminal of 80 columns; resolves with the exit code. */
function start(...args: readonly string[]): Promise<number> {
  const started = spawn("python3", [pty, "80", programPath("windlass"), ...args], {
    env: {
      ...{ PATH: process.env.PATH ?? "", HOME: home, LANG: "C.UTF-8", TERM: "xterm" },
      ...{ WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" },
    },
    cwd: home,
  });
  started.stdout.on("data", (chunk: Buffer) => {
    shown += chunk.toString("utf8");
  });
  started.stderr.on("data", (chunk: Buffer) => {
    shown += chunk.toString("utf8");
  });
  child = started;
  return once(started, "close").then(([code]) => Number(code));
}

const sees = (pattern: RegExp) => until(`the terminal shows ${pattern}`, async () => pattern.exec(shown) ?? undefined);
const type = (keys: string) => child?.stdin.write(keys);
const ctrlC = "\u0003";

describe("Ctrl-C ends a command with 130 and one word", () => {
  test.each([
    ["at a question", ["pool", "delete", "spare"], /Delete pool spare/],
    ["while it waits for the server", ["pool", "list", "--verbose"], /token from/],
    ["while it watches", ["agent", "watch", "--verbose"], /token from/],
    ["while it looks again and again", ["run", "list", "--watch"], /network/],
    ["while it reads what is typed", ["login", "--token-stdin", "--verbose"], /server version/],
  ])("%s", async (_when, args, there) => {
    const ended = start(...args);
    await sees(there);
    type(ctrlC);
    expect(await ended).toBe(130);
    expect(shown).toMatch(/Interrupted\.\s*$/);
    expect(shown).not.toMatch(/Error|windlass status/);
  });

  test("and the run that is followed goes on", async () => {
    fake.planning();
    const ended = start("run", "watch", runId);
    await sees(/planning on vm-7/);
    type(ctrlC);
    expect(await ended).toBe(130);
    expect(shown).toContain(`Interrupted. Run ${runId} goes on`);
    expect(fake.canceled).toEqual([]);
  });
});

test("SIGTERM ends a command with 143", async () => {
  const ended = start("pool", "delete", "spare");
  await sees(/Delete pool spare/);
  child?.kill("SIGTERM");
  expect(await ended).toBe(143);
  expect(shown).toMatch(/Terminated\.\s*$/);
});

describe("a question is answered", () => {
  test.each(["y", "yes\r"])("with %j", async (keys) => {
    deleted.length = 0;
    const ended = start("pool", "delete", "spare");
    await sees(/2 connected agents/);
    type(keys);
    expect(await ended).toBe(0);
    expect(deleted).toEqual(["spare"]);
  });

  test.each(["n", "no\r", "\r", "yess\r\r"])("with %j by no", async (keys) => {
    deleted.length = 0;
    const ended = start("pool", "delete", "spare");
    await sees(/Delete pool spare/);
    type(keys);
    expect(await ended).toBe(1);
    expect(deleted).toEqual([]);
  });

  test.each(["y", "yes\r"])("about a plan: %j confirms it", async (keys) => {
    await writeFile(join(home, "main.tf"), "");
    const ended = start("run", "start", "network", "--dir", ".");
    await until("the run is created", () => fake.created.length === 1, { seen: () => shown });
    fake.planning();
    fake.planned();
    await sees(/Apply these changes/);
    type(keys);
    await until("the plan is confirmed", async () => fake.confirmed.length === 1 || undefined);
    fake.applying();
    fake.applied();
    expect(await ended).toBe(0);
  });
});
