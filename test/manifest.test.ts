import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { useStage } from "./support/stage.ts";

const stage = useStage();

const site = `
apiVersion: windlass/v1
kind: Workspace
metadata: {name: network}
spec:
  pool: prod
  engine: {name: terraform, version: "~> 1.5"}
  tags: [prod, net]
  planTimeout: 90m
  shareStateWith: [dns]
  variables:
    - {name: region, value: eu-west-1}
    - {name: API_TOKEN, env: true, sensitive: true, valueFrom: {file: secret}}
---
apiVersion: windlass/v1
kind: VariableSet
metadata: {name: common}
spec:
  workspaces: [network]
  variables: [{name: owner, value: platform}]
---
apiVersion: windlass/v1
kind: AgentPool
metadata: {name: prod}
spec: {organizationScoped: false, grantedWorkspaces: [network, later]}
`;

test("a manifest makes what it says, once; what was changed meanwhile is shown and put right; an export says the same", async () => {
  const { scene, server } = stage;
  const file = join(scene.directory, "site.yaml");
  await writeFile(join(scene.directory, "secret"), "s3cr3t-value\n");
  await writeFile(file, site);
  const windlass = (...args: string[]) => scene.cli(server, args);

  const before = await windlass("manifest", "diff", "-f", file, "--detailed-exitcode");
  expect(before.stdout).toContain("+ workspace/network");
  expect(before.stdout + before.stderr).toMatch(/^3 to create\.$/m);
  expect(before.code).toBe(2);
  expect((await windlass("workspace", "get", "network")).code).toBe(3);

  const unasked = await windlass("apply", "-f", file);
  expect(unasked.code).toBe(2);
  const applied = await windlass("apply", "-f", file, "--yes");
  expect(applied.stderr).toContain("Applied: 3 resources changed");
  expect(`${applied.stdout}${applied.stderr}`).not.toContain("s3cr3t");
  expect(applied.code).toBe(0);

  const { workspaces, pools } = server.api.clients;
  const { workspace } = await workspaces.getWorkspace({ workspace: "network" });
  expect(workspace).toMatchObject({ agentPool: "prod", tags: ["net", "prod"], remoteStateConsumers: ["dns"] });
  expect(workspace?.planTimeout?.seconds).toBe(5400n);
  expect((await pools.getAgentPool({ agentPool: "prod" })).agentPool?.grantedWorkspaces).toEqual(["later", "network"]);
  const effective = await windlass("var", "list", "-w", "network", "--effective");
  expect(effective.stdout).toMatch(/owner\s+platform/);

  const after = await windlass("manifest", "diff", "-f", file, "--detailed-exitcode");
  expect(after.stdout).toContain("env.API_TOKEN: (sensitive: written each time)");
  expect(after.code).toBe(0);

  await windlass("var", "set", "-w", "network", "region=us-east-1", "extra=1");
  await windlass("pool", "grant", "prod", "stranger");
  const drifted = await windlass("manifest", "diff", "-f", file, "-o", "json");
  const changes = JSON.parse(drifted.stdout) as { resource: string; kind: string; fields: unknown[] }[];
  expect(changes.find(({ resource }) => resource === "workspace/network")).toMatchObject({
    kind: "update",
    fields: [{ path: "variables.region", from: "us-east-1", to: "eu-west-1" }],
  });
  expect(changes.find(({ resource }) => resource === "pool/prod")).toMatchObject({ kind: "none" });
  const pruned = await windlass("apply", "-f", file, "--prune", "--yes");
  expect(pruned.stdout).toContain("variables.extra: 1 → (removed)");
  expect((await pools.getAgentPool({ agentPool: "prod" })).agentPool?.grantedWorkspaces).toEqual(["later", "network"]);

  const exported = await windlass("manifest", "export");
  expect(exported.stdout).not.toContain("s3cr3t");
  const again = join(scene.directory, "again.yaml");
  await writeFile(
    again,
    exported.stdout.replaceAll("env: NETWORK_API_TOKEN", `file: ${join(scene.directory, "secret")}`),
  );
  const same = await windlass("manifest", "diff", "-f", again, "--prune", "--detailed-exitcode");
  expect(same.stdout).not.toContain("→");
  expect(same.code).toBe(0);
});

test("a manifest with keys for everybody, or with a secret that logs would show, says so where it is compared and applied", async () => {
  const { scene, server } = stage;
  const file = join(scene.directory, "keys.yaml");
  await writeFile(join(scene.directory, "short"), "abc");
  const variables = [
    '{name: TF_ENCRYPTION, env: true, value: "state {}"}',
    "{name: PIN, env: true, sensitive: true, valueFrom: {file: short}}",
  ];
  const head = "apiVersion: windlass/v1\nkind: Workspace\nmetadata: {name: keys}\nspec:\n  variables:\n";
  await writeFile(file, `${head}${variables.map((entry) => `    - ${entry}\n`).join("")}`);
  const told = async (...args: string[]) => (await scene.cli(server, args)).stderr.replace(/\s+/g, " ");
  expect(await told("manifest", "diff", "-f", file)).toMatch(/TF_ENCRYPTION holds keys.*in workspace\/keys/);
  const applied = await told("apply", "-f", file, "--yes");
  expect(applied).toMatch(/TF_ENCRYPTION holds keys.*in workspace\/keys/);
  expect(applied).toContain("values of fewer than 6 characters are not redacted in logs: PIN");
  expect(applied).toContain("Applied: 1 resource changed");
});
