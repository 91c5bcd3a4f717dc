import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCli } from "../../../test/support/cli/run-cli.ts";

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

  test.each(["Workspace", "VariableSet"])(
    "of a %s that gives everybody the keys of encryption is warned of",
    async (kind) => {
      const entry = (more: string) =>
        `${head(kind, "net")}spec:\n  variables:\n    - {name: TF_ENCRYPTION, env: true, ${more}}\n`;
      const open = await validate(entry('value: "state {}"'));
      expect(open).toMatchObject({ exit: 0, stderr: expect.stringContaining("TF_ENCRYPTION holds keys") });
      expect(open.stderr.replace(/\s+/g, " ")).toMatch(
        /write sensitive: true and valueFrom in (workspace|varset)\/net/,
      );
      expect((await validate(entry("valueFrom: {file: keys.hcl}"))).stderr).toContain("TF_ENCRYPTION holds keys");
      expect((await validate(entry("sensitive: true, valueFrom: {file: keys.hcl}"))).stderr).toBe("");
    },
  );

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
    ["a wrong name", `${head("Workspace", "-net")}spec: {}\n`, "site.yaml:3: metadata.name"],
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
    ["broken YAML", "kind: [", "site.yaml:1: this is no YAML: "],
    ["nothing", "# empty\n", "has no documents"],
  ])("with %s is refused with the line", async (_what, text, message) => {
    const { exit, stderr } = await validate(text);
    expect(stderr).toContain(message);
    expect(exit).toBe(2);
  });

  test("with many problems is refused with a line for each, in the words of manifests", async () => {
    const text = `apiVersion: v2
kind: Workspace
metadata: {name: network}
spec:
  executionMode: cloud
  autoApply: "yes"
  parallelism: 1.5
  tags: prod
  planTimeout: soon
  description: ${"x".repeat(1025)}
  variables:
    - {name: pin, value: 4711}
    - {name: key, valueFrom: {path: x}}
    - {}
---
kind: Cluster
`;
    const { stderr } = await validate(text);
    expect(stderr).toMatchInlineSnapshot(`
      "Error: the manifest has 11 problems:
        site.yaml:1: apiVersion: expected windlass/v1, got "v2"
        site.yaml:5: spec.executionMode: expected remote, agent or local, got "cloud"
        site.yaml:6: spec.autoApply: expected true or false, got "yes"
        site.yaml:7: spec.parallelism: expected a whole number, got 1.5
        site.yaml:8: spec.tags: expected a list, got "prod"
        site.yaml:9: spec.planTimeout: expected a duration such as 90s or 2h30m, got "soon"
        site.yaml:10: spec.description: expected at most 1024 characters
        site.yaml:12: spec.variables.0.value: expected text, in quotes if it looks like a number
        site.yaml:13: spec.variables.1.valueFrom: expected {env: NAME} or {file: PATH}
        site.yaml:14: spec.variables.2.name: is missing: expected text, in quotes if it looks like a number
        site.yaml:16: kind: expected Organization, AgentPool, VariableSet, Workspace, OrganizationProviders or AgentPoolProviders, got "Cluster"
        Help:  windlass manifest validate --help
      "
    `);
    const asJson = await runCli(["manifest", "validate", "-f", "site.yaml", "-o", "json"], {
      workingDirectory: directory,
    });
    expect(JSON.parse(asJson.stderr).error).toMatchObject({ message: "the manifest has 11 problems:", exitCode: 2 });
    expect(JSON.parse(asJson.stderr).error.details).toHaveLength(11);
  });

  test("may name workspaces as HCP Terraform does", async () => {
    const { exit, stderr } = await validate(`${head("Workspace", "Prod_network")}spec: {shareStateWith: [a, B_c-]}\n`);
    expect([exit, stderr]).toEqual([0, ""]);
  });

  test("that is not there, or was not named, is a usage error", async () => {
    expect(await runCli(["manifest", "validate", "-f", "/nowhere.yaml"])).toMatchObject({ exit: 2 });
    expect((await runCli(["manifest", "diff"])).stderr).toContain("-f is needed");
  });
});
