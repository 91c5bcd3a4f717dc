import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../../lib/random.ts";
import { mintToken } from "../../lib/words/tokens.ts";
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
        token: { token },
        addresses: ["http://127.0.0.1:7070"],
        agent: { dataDir: "/var/lib/agent", concurrency: 1, sandbox: "auto", searchPath: "/bin", isServerAgent: false },
      },
    });
  });

  test("a token may lie in a file, with its line's end", async () => {
    const file = join(dir, "token");
    await writeFile(file, `${token}\n`);
    expect(readProgramCall(["--token-file", file], {})).toMatchObject({ config: { token: { token, file } } });
    expect(readProgramCall([], { WINDLASS_AGENT_TOKEN_FILE: file })).toMatchObject({
      config: { token: { token, file } },
    });
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

  test("labels, the phases it accepts and when it leaves", () => {
    const agent = (argv: readonly string[]) => {
      const call = readProgramCall(argv, { WINDLASS_AGENT_TOKEN: token });
      return call.kind === "run" ? call.config.agent : call;
    };
    expect(agent([])).toMatchObject({ labels: {}, maxJobs: 0, idleTimeoutMs: 0 });
    expect(agent([])).toMatchObject({ accepts: undefined });
    expect(agent(["--labels", "zone=a, gpu,team/x=a"])).toMatchObject({
      labels: { zone: "a", gpu: "", "team/x": "a" },
    });
    expect(agent(["--accept", "plan"])).toMatchObject({ accepts: "plan" });
    expect(agent(["--accept", "apply,plan"])).toMatchObject({ accepts: undefined });
    expect(agent(["--single", "--idle-timeout", "90s"])).toMatchObject({ maxJobs: 1, idleTimeoutMs: 90_000 });
    expect(agent(["--max-jobs", "3"])).toMatchObject({ maxJobs: 3 });
  });

  test.each([
    ["--labels", "a b=c"],
    ["--labels", "zone=a b"],
    ["--labels", "os=plan9"],
    ["--accept", "destroy"],
    ["--max-jobs", "-1"],
  ])("%s %s is refused", (flag, value) => {
    expect(problems([`${flag}=${value}`], { WINDLASS_AGENT_TOKEN: token })).toEqual([
      expect.stringContaining(`${flag}: expected`),
    ]);
  });

  test("paths may be relative to where it is started, and are kept whole", () => {
    const flags = ["--data-dir", "d", "--work-dir", "./w", "--engine-path", "../tf", "--sandbox-paths", "/opt/a, b"];
    expect(readProgramCall(flags, { WINDLASS_AGENT_TOKEN: token })).toMatchObject({
      config: {
        agent: {
          ...{ dataDir: resolve("d"), workRoot: resolve("w"), enginePaths: [resolve("../tf")] },
          sandboxPaths: ["/opt/a", resolve("b")],
        },
      },
    });
  });

  test("one job and three jobs are not the same", () => {
    const environment = { WINDLASS_AGENT_TOKEN: token };
    expect(problems(["--single", "--max-jobs", "3"], environment)).toEqual([expect.stringContaining("contradict")]);
  });

  test("the token is never shown", () => {
    expect(JSON.stringify(problems([], { WINDLASS_AGENT_TOKEN: swapLast(token) }))).not.toContain(token.slice(8, 30));
  });

  test("every problem is told at once, with a suggestion", () => {
    const environment = { WINDLASS_AGENT_TOKEN: token, WINDLASS_AGENT_NAM: "x" };
    expect(problems(["--concurrency", "0"], environment)).toEqual([
      '--concurrency: expected a whole number from 1 to 1000, got "0"',
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

  test("terraform is downloaded from where the operator says, checked by further keys, or not at all", async () => {
    const environment = { WINDLASS_AGENT_TOKEN: token };
    const keys = join(dir, "keys.asc");
    await writeFile(keys, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n");
    const downloads = (...argv: string[]) => {
      const call = readProgramCall(argv, environment);
      return call.kind === "run" ? call.config.agent.engineDownloads : call;
    };
    expect(downloads()).toEqual({ environment });
    expect(downloads("--engine-mirror", "https://m.example.com/engines", "--engine-keys", keys)).toEqual({
      mirror: "https://m.example.com/engines",
      keys: "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
      environment,
    });
    expect(downloads("--no-engine-download")).toBeUndefined();
    expect(downloads("--engine-path", "/opt/terraform")).toEqual({ environment });
  });

  test("a program may be chosen for each engine", () => {
    const environment = { WINDLASS_AGENT_TOKEN: token };
    const chosen = (...argv: string[]) => {
      const call = readProgramCall(argv, environment);
      return call.kind === "run" ? call.config.agent.enginePaths : call;
    };
    expect(chosen("--engine-path", "/opt/tf, /opt/tofu")).toEqual(["/opt/tf", "/opt/tofu"]);
    expect(chosen()).toEqual([]);
  });

  test("settings of downloads that do nothing, or keys that are none, are refused", async () => {
    const environment = { WINDLASS_AGENT_TOKEN: token };
    const call = (...argv: string[]) => problems(argv, environment);
    expect(call("--engine-mirror", "ftp://me:secret@m")).toEqual([
      expect.stringMatching(/^--engine-mirror: expected an address such as https:.*not shown/),
    ]);
    expect(call("--engine-mirror", "https://m", "--no-engine-download")).toEqual([
      "--engine-mirror does nothing with --no-engine-download, which ends downloads: give one of them",
    ]);
    const keys = join(dir, "keys.asc");
    expect(call("--engine-keys", keys)).toEqual([expect.stringContaining("cannot be read")]);
    await writeFile(keys, "-----BEGIN PGP PRIVATE KEY BLOCK-----");
    expect(call("--engine-keys", keys)).toEqual([expect.stringContaining("private key")]);
    await writeFile(keys, "ssh-ed25519 AAAA");
    expect(call("--engine-keys", keys)).toEqual([expect.stringContaining("no armored OpenPGP public key")]);
  });

  test("a path that would show the agent's secrets to jobs is refused", () => {
    const environment = { WINDLASS_AGENT_TOKEN: token };
    const call = (paths: string) => problems(["--data-dir", "/var/lib/agent", "--sandbox-paths", paths], environment);
    expect(call("/opt/mirror, /srv/tools")).toBe("run");
    expect(call("/opt/mirror,/var/lib")).toEqual([expect.stringContaining("would show /var/lib/agent to jobs")]);
    expect(call(relative(process.cwd(), "/var/lib"))).toEqual([expect.stringContaining("would show /var/lib/agent")]);
    expect(call("/var/lib/agent/jobs")).toEqual([
      "--sandbox-paths: /var/lib/agent/jobs would show /var/lib/agent to jobs: name what they need only, and keep it elsewhere",
    ]);
    expect(call("/var/lib/agents,/var/lib/agent.d")).toBe("run");
  });

  test("so is one that a link leads to, and the files of its token and its private key", async () => {
    const [data, link, secret] = [join(dir, "data"), join(dir, "link"), join(dir, "etc/token")];
    for (const path of [data, join(dir, "etc")]) await mkdir(path);
    await symlink(data, link);
    await writeFile(secret, token, { mode: 0o600 });
    const by = (paths: string, environment: Record<string, string>, ...more: string[]) =>
      problems(["--data-dir", data, "--sandbox-paths", paths, ...more], environment);
    const given = { WINDLASS_AGENT_TOKEN: token };
    expect(by(link, given)).toEqual([expect.stringContaining(`${link} would show ${data} to jobs`)]);
    expect(by(join(link, "jobs"), given)).toEqual([expect.stringContaining(`would show ${data} to jobs`)]);
    for (const [environment, ...flags] of [
      [{ WINDLASS_AGENT_TOKEN_FILE: secret }],
      [{}, "--token-file", secret],
    ] as const)
      expect(by(join(dir, "etc"), environment, ...flags)).toEqual([
        expect.stringContaining(`would show ${secret} to jobs`),
      ]);
    const key = by(join(dir, "etc"), given, "--key-file", secret, "--cert-file", secret);
    expect(key).toContainEqual(expect.stringContaining(`would show ${secret} to jobs`));
  });

  test("variables of the other programs are no mistake", () => {
    const environment = { WINDLASS_AGENT_TOKEN: token, WINDLASS_TOKEN_FILE: "/t", WINDLASS_DATA_DIR: "/d" };
    expect(problems(["run"], environment)).toBe("run");
  });
});

function swapLast(text: string): string {
  return `${text.slice(0, -1)}${text.endsWith("x") ? "y" : "x"}`;
}
