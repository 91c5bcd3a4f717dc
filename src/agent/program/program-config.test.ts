import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../../lib/random.ts";
import { mintToken } from "../../lib/tokens.ts";
import { readProgramCall } from "./program-config.ts";

const token = mintToken("agt", systemRandom);
const problems = (argv: readonly string[], environment: Record<string, string> = {}) => {
  const call = readProgramCall(argv, environment);
  return call.kind === "invalid" ? call.problems : call.kind;
};

describe("how windlass-agent is called", () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "windlass-call-"));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test("a token is all it needs", () => {
    const call = readProgramCall([], { WINDLASS_AGENT_TOKEN: token, STATE_DIRECTORY: "/var/lib/agent", PATH: "/bin" });
    expect(call).toMatchObject({
      kind: "run",
      config: {
        token,
        address: "http://127.0.0.1:7070",
        agent: { dataDir: "/var/lib/agent", concurrency: 1, sandbox: "auto", searchPath: "/bin", isServerAgent: false },
      },
    });
  });

  test("a token may lie in a file, with its line's end", async () => {
    const file = join(dir, "token");
    await writeFile(file, `${token}\n`);
    expect(readProgramCall(["--token-file", file], {})).toMatchObject({ config: { token } });
    expect(readProgramCall([], { WINDLASS_AGENT_TOKEN_FILE: file })).toMatchObject({ config: { token } });
  });

  test.each([
    ["no token", {}, "an agent token is needed"],
    ["no token at all", { WINDLASS_AGENT_TOKEN: "hello" }, "no token of Windlass"],
    ["a damaged token", { WINDLASS_AGENT_TOKEN: `${token.slice(0, -1)}!` }, "no token of Windlass"],
    ["a cut-off token", { WINDLASS_AGENT_TOKEN: swapLast(token) }, "wrong checksum"],
    ["another kind of token", { WINDLASS_AGENT_TOKEN: mintToken("usr", systemRandom) }, "got a token of kind usr"],
  ])("%s is refused", (_name, environment, expected) => {
    expect(problems([], environment)).toEqual([expect.stringContaining(expected)]);
  });

  test("the token is never shown", () => {
    expect(JSON.stringify(problems([], { WINDLASS_AGENT_TOKEN: swapLast(token) }))).not.toContain(token.slice(8, 30));
  });

  test("every problem is told at once, with a suggestion", () => {
    const environment = { WINDLASS_AGENT_TOKEN: token, WINDLASS_AGENT_NAM: "x" };
    expect(problems(["--concurrency", "0", "--data-dir", "here"], environment)).toEqual([
      '--concurrency: expected a whole number from 1 to 1000, got "0"',
      '--data-dir: expected an absolute path, got "here"',
      "WINDLASS_AGENT_NAM is not a variable of Windlass: did you mean WINDLASS_AGENT_NAME?",
    ]);
    expect(problems(["--adress", "x"], { WINDLASS_AGENT_TOKEN: token })).toContain(
      "unknown flag --adress: did you mean --address?",
    );
  });

  test("nothing is accepted and ignored", () => {
    const environment = { WINDLASS_AGENT_TOKEN: token };
    expect(problems(["--sandbox", "docker"], environment)).toEqual([expect.stringContaining("auto or bwrap or none")]);
    expect(problems(["--cert-file", "/nonexistent"], environment)).toHaveLength(2);
    expect(problems(["--address", "ftp://host"], environment)).toEqual([
      expect.stringContaining("--address: expected"),
    ]);
  });

  test("a path that would show the agent's secrets to jobs is refused", () => {
    const environment = { WINDLASS_AGENT_TOKEN: token };
    const call = (paths: string) => problems(["--data-dir", "/var/lib/agent", "--sandbox-paths", paths], environment);
    expect(call("/opt/mirror, /srv/tools")).toBe("run");
    expect(call("/opt/mirror,/var/lib")).toEqual([expect.stringContaining("would show /var/lib/agent to jobs")]);
    expect(call("mirror")).toEqual([expect.stringContaining("expected absolute paths")]);
  });

  test("variables of the other programs are no mistake", () => {
    const environment = { WINDLASS_AGENT_TOKEN: token, WINDLASS_TOKEN_FILE: "/t", WINDLASS_DATA_DIR: "/d" };
    expect(problems(["run"], environment)).toBe("run");
  });
});

function swapLast(text: string): string {
  return `${text.slice(0, -1)}${text.endsWith("x") ? "y" : "x"}`;
}
