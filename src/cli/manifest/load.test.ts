import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCli } from "../testing/run-cli.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "windlass-manifest-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const validate = async (text: string) => {
  await writeFile(join(directory, "site.yaml"), text);
  return runCli(["manifest", "validate", "-f", "site.yaml"], { workingDirectory: directory });
};

const head = (kind: string, name: string) => `apiVersion: windlass/v1\nkind: ${kind}\nmetadata: {name: ${name}}\n`;

describe("a manifest", () => {
  test("is read from files, folders and stdin, without a server", async () => {
    const pool = `${head("AgentPool", "prod")}spec: {organizationScoped: false, grantedWorkspaces: [network]}\n`;
    const workspace = `${head("Workspace", "network")}spec: {pool: prod, planTimeout: 90m}\n`;
    await writeFile(join(directory, "a.yaml"), `${workspace}---\n${pool}`);
    for (const [from, stdin] of [["a.yaml"], ["."], ["-", pool]] as const) {
      const { exit, stdout } = await runCli(["manifest", "validate", "-f", from], {
        workingDirectory: directory,
        ...(stdin === undefined ? {} : { stdin }),
      });
      expect(exit).toBe(0);
      // What others need comes first.
      expect(stdout).toContain(from === "-" ? "1 document: pool/prod" : "2 documents: pool/prod, workspace/network");
    }
  });

  test.each([
    ["a wrong field", `${head("AgentPool", "prod")}spec:\n  organisationScoped: true\n`, "site.yaml:5: unknown field"],
    [
      "its nearest name",
      `${head("AgentPool", "prod")}spec:\n  organisationScoped: true\n`,
      "Did you mean organizationScoped?",
    ],
    [
      "a wrong value",
      `${head("Workspace", "net")}spec:\n  tags: []\n  executionMode: cloud\n`,
      "site.yaml:6: spec.executionMode",
    ],
    ["a wrong name", `${head("Workspace", "Net_1")}spec: {}\n`, "site.yaml:3: metadata.name"],
    [
      "a pool without its mode",
      `${head("Workspace", "net")}spec:\n  pool: prod\n  executionMode: remote\n`,
      "site.yaml:6",
    ],
    ["an unknown kind", `${head("Cluster", "net")}spec: {}\n`, "site.yaml:2: kind"],
    [
      "a secret in it",
      `${head("Workspace", "net")}spec:\n  variables:\n    - {name: token, value: hunter2, sensitive: true}\n`,
      "belongs into valueFrom",
    ],
    [
      "the same thing twice",
      `${head("AgentPool", "prod")}spec: {}\n---\n${head("AgentPool", "prod")}spec: {}\n`,
      "stands in site.yaml:1 already",
    ],
    ["broken YAML", "kind: [", "site.yaml: "],
    ["nothing", "# empty\n", "has no documents"],
  ])("with %s is refused with the line", async (_what, text, message) => {
    const { exit, stderr } = await validate(text);
    expect(stderr).toContain(message);
    expect(exit).toBe(2);
  });

  test("that is not there, or was not named, is a usage error", async () => {
    expect(await runCli(["manifest", "validate", "-f", "/nowhere.yaml"])).toMatchObject({ exit: 2 });
    expect((await runCli(["manifest", "diff"])).stderr).toContain("-f is needed");
  });
});
