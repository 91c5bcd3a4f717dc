import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FakeServer } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { systemRandom } from "../../lib/random.ts";
import { mintToken } from "../../lib/words/tokens.ts";

const complete = async (...words: readonly string[]) =>
  (await runCli(["__complete", ...words])).stdout.split("\n").filter((line) => line !== "");

describe("completion", () => {
  test("of nouns, verbs, flags and choices", async () => {
    expect(await complete("po")).toEqual(["pool"]);
    expect(await complete("run", "s")).toEqual(["start"]);
    expect(await complete("runs", "start", "net", "--plan")).toEqual(["--plan-only"]);
    expect(await complete("pool", "list", "-o", "j")).toEqual(["json", "jsonl"]);
    expect(await complete("ws", "create", "net", "--execution-mode", "")).toEqual(["agent", "local", "remote"]);
    expect(await complete("completion", "")).toEqual(["bash", "fish", "zsh"]);
  });

  test("of columns, one after the other", async () => {
    expect(await complete("run", "list", "--columns", "a")).toEqual(["age", "agent"]);
    expect(await complete("run", "list", "--columns", "id,a")).toEqual(["id,age", "id,agent"]);
    expect(await complete("run", "list", "--columns", "id,age,a")).toEqual(["id,age,agent"]);
    expect(await complete("run", "list", "--state", "planned,appl")).toEqual([
      "planned,applied",
      "planned,apply-queued",
      "planned,applying",
    ]);
  });

  test("of files is left to the shell, and of nothing else", async () => {
    expect(await complete("manifest", "apply", "-f", "")).toEqual([":files"]);
    expect(await complete("run", "start", "network", "--dir", "")).toEqual([":files"]);
    expect(await complete("login", "--ca-file", "x")).toEqual([":files"]);
    expect(await complete("run", "start", "network", "-m", "")).toEqual([]);
    expect(await complete("token", "revoke", "")).toEqual([]);
  });

  test("explains words to shells that show it", async () => {
    const { stdout } = await runCli(["__describe", "run", "can"]);
    expect(stdout).toBe("cancel\tAsk a run to end; terraform or tofu gets one interrupt\n");
    expect((await runCli(["__describe", "run", "cancel", "--for"])).stdout).toMatch(/^--force\tend the program/);
  });

  test.each([
    ["words of ours", "printf 'a\\nb c\\n'", "[a][b c] none"],
    ["nothing", "true", " none"],
    ["files", "echo :files", " default"],
  ])("in bash: %s", async (_what, answer, expected) => {
    const script = (await runCli(["completion", "bash"])).stdout;
    const stubs = `compopt() { way=$2; }; way=none; windlass() { ${answer}; }`;
    const call = `COMP_WORDS=(windlass x); COMP_CWORD=1; _windlass; printf "[%s]" "\${COMPREPLY[@]}"; echo " $way"`;
    const { stdout } = await execa("bash", ["-c", `${stubs}\n${script}\n${call}`], { stripFinalNewline: false });
    expect(stdout.replace("[]", "")).toBe(`${expected}\n`);
  });

  test("of nonsense is empty", async () => expect(await complete("nonsense", "")).toEqual([]));
});

describe("completion of names", () => {
  let server: FakeServer;
  let asked = 0;
  let isSlow = false;

  beforeAll(async () => {
    server = await new FakeServer((router) => {
      router.service(WorkspaceService, {
        listWorkspaces: async () => {
          asked++;
          if (isSlow) await new Promise(() => {});
          return { workspaces: [{ name: "network" }, { name: "dns" }] };
        },
      });
      router.service(RunService, { listRuns: () => ({ runs: [{ id: "run_7" }] }) });
    }).start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const complete = async (words: readonly string[], clock: Clock = new ManualClock()) => {
    const environment = { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: mintToken("usr", systemRandom) };
    const { stdout, stderr } = await runCli(["__complete", ...words], { environment, clock });
    return { names: stdout.split("\n").filter((line) => line !== "" && !line.startsWith("-")), stderr };
  };

  test("asks the server for what a command takes", async () => {
    expect((await complete(["ws", "get", ""])).names).toEqual(["dns", "network"]);
    expect((await complete(["ws", "get", "n"])).names).toEqual(["network"]);
    expect((await complete(["run", "logs", "run"])).names).toEqual(["run_7"]);
    expect((await complete(["var", "list", "-w", ""])).names).toEqual(["dns", "network"]);
    expect((await complete(["pool", "grant", "prod", "net", "d"])).names).toEqual(["dns"]);
  });

  test("asks for nothing where no name is wanted", async () => {
    const before = asked;
    expect((await complete(["ws", "get", "network", ""])).names).toEqual([]);
    expect((await complete(["ws", "get", "--"])).names).toEqual([]);
    expect(asked).toBe(before);
  });

  test("gives up after half a second, quietly", async () => {
    isSlow = true;
    expect(await complete(["ws", "get", ""], systemClock)).toEqual({ names: [], stderr: "" });
    isSlow = false;
  });
});
