import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseAllDocuments, stringify } from "yaml";
import type { Role } from "../../src/domain/people/api-key.ts";
import { type CliServer, openCliServer } from "../support/cli/real-server.ts";

let server: CliServer;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "windlass-manifests-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));
beforeEach(async () => {
  server = await openCliServer();
});
afterEach(() => server[Symbol.asyncDispose]());

type Doc = readonly [kind: string, name: string, spec: object, metadata?: object];

async function manifest(...documents: readonly Doc[]): Promise<string> {
  const path = join(directory, "site.yaml");
  const text = documents.map(([kind, name, spec, metadata]) =>
    stringify({ apiVersion: "windlass/v1", kind, metadata: { name, ...metadata }, spec }),
  );
  await writeFile(path, text.join("---\n"));
  return path;
}

interface Change {
  readonly resource: string;
  readonly kind: string;
  readonly fields: readonly { readonly path: string; readonly from: string | null; readonly to: string | null }[];
  readonly notes: readonly string[];
}
type Options = {
  readonly role?: Role;
  readonly prune?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
};

async function change(
  verb: "diff" | "apply",
  documents: readonly Doc[],
  { prune, ...how }: Options = {},
): Promise<readonly Change[]> {
  const args = ["manifest", verb, "-f", await manifest(...documents), "-o", "json"];
  const more = [...(verb === "apply" ? ["--yes"] : []), ...(prune === true ? ["--prune"] : [])];
  return JSON.parse((await server.done([...args, ...more], how)).stdout);
}
const apply = (...documents: readonly Doc[]) => change("apply", documents);
const diff = (...documents: readonly Doc[]) => change("diff", documents);
const refused = async (documents: readonly Doc[], how: Options = {}) =>
  server.cli(["manifest", "apply", "-f", await manifest(...documents), "--yes"], how);

/** Every field of a workspace, and another value of each. */
const settings: Readonly<
  Record<string, readonly [first: unknown, second: unknown, shown?: readonly [string, string]]>
> = {
  description: ["one", "two"],
  engine: [
    { name: "tofu", version: "1.12.6" },
    { name: "terraform" },
    ['{"name":"tofu","version":"1.12.6"}', '{"name":"terraform","version":""}'],
  ],
  workingDirectory: ["envs/a", "envs/b"],
  autoApply: [true, false, ["true", "false"]],
  inheritExecutionMode: [true, false, ["true", "false"]],
  refuseDestroy: [true, false, ["true", "false"]],
  tags: [["team=net", "b", "a"], [], ["[a, b, team=net]", "[]"]],
  planTimeout: ["1h30m", "0", ["90m", "0"]],
  applyTimeout: ["2h", "30s"],
  initTimeout: ["600s", "1d", ["10m", "1d"]],
  parallelism: [4, 0, ["4", "0"]],
  shareState: [true, false, ["true", "false"]],
  shareStateWith: [["dns", "apps"], ["apps"], ["[apps, dns]", "[apps]"]],
};

describe("a workspace of a manifest", () => {
  test.each(Object.entries(settings))(
    "%s is made, compared, and changed, and nothing else with it",
    async (field, [first, second, shown]) => {
      const [from, to] = shown ?? [String(first), String(second)];
      const [made] = await apply(["Workspace", "network", { [field]: first }]);
      expect(made).toMatchObject({
        resource: "workspace/network",
        kind: "create",
        fields: [{ path: field, from: null, to: from }],
      });
      expect(await diff(["Workspace", "network", { [field]: first }])).toMatchObject([{ kind: "none", fields: [] }]);
      // What a manifest does not name is not its business.
      expect(await diff(["Workspace", "network", {}])).toMatchObject([{ kind: "none", fields: [] }]);
      const before = await server.json("workspace get network");
      expect(await apply(["Workspace", "network", { [field]: second }])).toMatchObject([
        { kind: "update", fields: [{ path: field, from, to }] },
      ]);
      expect(await diff(["Workspace", "network", { [field]: second }])).toMatchObject([{ kind: "none" }]);
      const after = await server.json("workspace get network");
      expect(after).not.toEqual(before);
    },
  );

  test("goes to a pool and leaves it by its mode", async () => {
    await apply(["AgentPool", "prod", {}], ["Workspace", "network", { pool: "prod", agentSelector: "zone=a" }]);
    expect(await server.json("workspace get network")).toMatchObject({
      agentPool: "prod",
      agentSelector: "zone=a",
      executionMode: "EXECUTION_MODE_AGENT",
    });
    expect(await diff(["Workspace", "network", { pool: "prod" }])).toMatchObject([{ kind: "none" }]);
    const [left] = await apply(["Workspace", "network", { executionMode: "local", agentSelector: "" }]);
    expect(left?.fields).toEqual(expect.arrayContaining([{ path: "executionMode", from: "agent", to: "local" }]));
    expect(await server.json("workspace get network")).toMatchObject({
      agentPool: "",
      executionMode: "EXECUTION_MODE_LOCAL",
    });
  });

  test("variables: each change alone is one, and only a prune takes any away", async () => {
    const entry = { name: "region", value: "eu" };
    const other = { name: "region", value: "eu", env: true };
    const of = (...variables: readonly object[]): Doc => ["Workspace", "network", { variables }];
    expect((await apply(of(entry, other)))[0]?.fields).toMatchObject([
      { path: "variables.region", from: null, to: "eu" },
      { path: "variables.env.region", from: null, to: "eu" },
    ]);
    expect(await diff(of(entry, other))).toMatchObject([{ kind: "none" }]);
    for (const changed of [
      { ...entry, value: "us" },
      { ...entry, value: '"eu"', hcl: true },
      { ...entry, description: "where" },
    ]) {
      expect((await diff(of(changed)))[0]?.fields.map(({ path }) => path)).toEqual(["variables.region"]);
    }
    expect(await diff(of(entry))).toMatchObject([{ kind: "none" }]);
    const [pruned] = await change("apply", [of(entry)], { prune: true });
    expect(pruned?.fields).toEqual([{ path: "variables.env.region", from: "eu", to: null }]);
    expect((await server.done("var list -w network -o name")).stdout).toBe("var/region\n");
    // A document without variables leaves them alone even then.
    expect(await change("diff", [["Workspace", "network", {}]], { prune: true })).toMatchObject([{ kind: "none" }]);
    expect((await change("diff", [of()], { prune: true }))[0]?.fields).toHaveLength(1);
  });

  test("secrets come from elsewhere, are written each time, and are shown nowhere", async () => {
    const of = (valueFrom: object): Doc => [
      "Workspace",
      "network",
      { variables: [{ name: "KEY", env: true, sensitive: true, valueFrom }] },
    ];
    const environment = { API_KEY: "s3cret-value" };
    const missing = await refused([of({ env: "NOT_SET" })]);
    expect([missing.exit, missing.stderr]).toEqual([
      2,
      expect.stringContaining("variable KEY: the environment variable NOT_SET is not set"),
    ]);
    expect((await server.cli("workspace get network")).exit).toBe(3);
    // A difference is told without the secret.
    expect((await diff(of({ env: "NOT_SET" })))[0]?.fields).toEqual([
      { path: "variables.env.KEY", from: null, to: "(sensitive)" },
    ]);
    const made = await change("apply", [of({ env: "API_KEY" })], { environment });
    expect(JSON.stringify(made)).not.toContain("s3cret-value");
    await writeFile(join(directory, "key.txt"), "from-a-file\r\n");
    const again = await change("apply", [of({ file: "key.txt" })]);
    expect(again).toMatchObject([
      { kind: "none", fields: [], notes: ["variables.env.KEY: (sensitive: written each time)"] },
    ]);
    const unread = await refused([of({ file: "no-such.txt" })]);
    expect([unread.exit, unread.stderr]).toEqual([2, expect.stringContaining("variable KEY: ENOENT")]);
  });
});

describe("a pool and a variable set of a manifest", () => {
  test("grants are added, and taken back by a prune alone", async () => {
    const of = (...grantedWorkspaces: readonly string[]): Doc => [
      "AgentPool",
      "prod",
      { organizationScoped: false, grantedWorkspaces },
    ];
    expect((await apply(of("a", "b")))[0]).toMatchObject({
      kind: "create",
      fields: [
        { path: "organizationScoped" },
        { path: "grantedWorkspaces", to: "+ a" },
        { path: "grantedWorkspaces", to: "+ b" },
      ],
    });
    expect(await diff(of("a"))).toMatchObject([{ kind: "none" }]);
    expect((await change("apply", [of("a", "c")], { prune: true }))[0]?.fields).toEqual([
      { path: "grantedWorkspaces", from: null, to: "+ c" },
      { path: "grantedWorkspaces", from: "- b", to: null },
    ]);
    expect(await server.json("pool get prod")).toMatchObject({ grantedWorkspaces: ["a", "c"] });
  });

  test("a set is attached after the workspaces of the same manifest are made, whatever their order", async () => {
    const made = await apply(
      [
        "VariableSet",
        "common",
        { description: "keys", workspaces: ["network", "dns"], variables: [{ name: "a", value: "1" }] },
      ],
      ["Workspace", "network", {}],
      ["Workspace", "dns", {}],
    );
    expect(made.map(({ resource }) => resource)).toEqual(["varset/common", "workspace/network", "workspace/dns"]);
    expect(await server.json("varset get common")).toMatchObject({ workspaces: ["dns", "network"], variableCount: 1 });
    expect(await diff(["VariableSet", "common", { workspaces: ["dns", "network"] }])).toMatchObject([{ kind: "none" }]);
    const [pruned] = await change("apply", [["VariableSet", "common", { workspaces: ["dns"], variables: [] }]], {
      prune: true,
    });
    expect(pruned?.fields.map(({ path, from }) => [path, from])).toEqual([
      ["workspaces", "- network"],
      ["variables.a", "1"],
    ]);
    expect(await server.json("varset get common")).toMatchObject({ workspaces: ["dns"], variableCount: 0 });
  });

  test("sets of one name in two organizations are each attached in their own", async () => {
    const of = (organization: string, workspaces: readonly string[]): readonly Doc[] => [
      ["VariableSet", "common", { workspaces }, { organization }],
      ["Workspace", "network", {}, { organization }],
    ];
    const role = "site_admin";
    await change("apply", [...of("acme", ["network"]), ...of("rival", [])], { role });
    const [first, second] = await change("apply", [...of("acme", ["network"]), ...of("rival", ["network"])], { role });
    expect([first?.kind, second?.kind]).toEqual(["none", "update"]);
    expect(await server.json("varset get common --org rival", { role })).toMatchObject({ workspaces: ["network"] });
    const again = await change("diff", [...of("acme", ["network"]), ...of("rival", ["network"])], { role });
    expect(again.map(({ kind }) => kind)).toEqual(["none", "none", "none", "none"]);
  });
});

describe("an organization of a manifest", () => {
  test("is made and changed by a site admin", async () => {
    const role = "site_admin";
    const spec = {
      maxAgents: 5,
      maxWorkspaces: 7,
      defaultExecutionMode: "local",
      defaultEngine: { name: "tofu", version: "1.12.6" },
    };
    expect((await change("apply", [["Organization", "third", spec]], { role }))[0]).toMatchObject({
      resource: "org/third",
      kind: "create",
    });
    expect(await change("diff", [["Organization", "third", spec]], { role })).toMatchObject([{ kind: "none" }]);
    const [changed] = await change(
      "apply",
      [["Organization", "third", { defaultEngine: { name: "terraform" }, maxAgents: 0 }]],
      { role },
    );
    expect(changed?.fields).toEqual([
      { path: "maxAgents", from: "5", to: "0" },
      { path: "defaultEngine", from: '{"name":"tofu","version":"1.12.6"}', to: '{"name":"terraform","version":""}' },
    ]);
    expect(await server.json("org get third", { role })).toMatchObject({
      maxAgents: 0,
      maxWorkspaces: 7,
      defaultEngine: "ENGINE_TERRAFORM",
      defaultEngineVersion: "",
    });
  });

  test("is refused to others, before anything of the manifest is made", async () => {
    const answer = await refused(
      [
        ["Organization", "third", {}],
        ["AgentPool", "prod", {}],
      ],
      { role: "owner" },
    );
    expect(answer.exit).toBe(4);
    expect((await server.done("pool list -o name")).stdout).toBe("");
  });
});

describe("where a manifest is applied", () => {
  test("nothing happens without a yes", async () => {
    const file = await manifest(["AgentPool", "prod", {}]);
    const asked = await server.cli(["apply", "-f", file]);
    expect([asked.exit, asked.stderr]).toEqual([2, expect.stringContaining("Make these 1 change?")]);
    expect((await server.cli("pool get prod")).exit).toBe(3);
  });

  test("a second time does nothing, and says so", async () => {
    const file = await manifest(["AgentPool", "prod", {}], ["Workspace", "network", { pool: "prod" }]);
    await server.done(["apply", "-f", file, "--yes"]);
    const again = await server.done(["apply", "-f", file, "--yes"]);
    expect(again.stderr).toContain("Nothing to do: everything is as the manifest says.");
    expect(again.stdout).toContain("  pool/prod (unchanged)");
    expect((await server.cli(["manifest", "diff", "-f", file, "--detailed-exitcode"])).exit).toBe(0);
    await server.done("pool edit prod --description other");
    expect((await server.cli(["manifest", "diff", "-f", file, "--detailed-exitcode"])).exit).toBe(0);
    await server.done("workspace edit network --execution-mode remote");
    const drifted = await server.cli(["manifest", "diff", "-f", file, "--detailed-exitcode"]);
    expect([drifted.exit, drifted.stdout]).toEqual([2, expect.stringContaining("1 to change, 1 unchanged.")]);
  });

  test("a reader sees the difference and changes nothing", async () => {
    const documents: readonly Doc[] = [["AgentPool", "prod", {}]];
    expect(await change("diff", documents, { role: "reader" })).toMatchObject([{ kind: "create" }]);
    expect((await refused(documents, { role: "reader" })).exit).toBe(4);
  });
});

describe("an export", () => {
  const documents: readonly Doc[] = [
    ["AgentPool", "prod", { description: "racks", organizationScoped: false, grantedWorkspaces: ["network"] }],
    [
      "AgentPoolProviders",
      "prod",
      { sources: [{ networkMirror: "https://mirror.example/", include: ["hashicorp/*"] }, { direct: true }] },
    ],
    [
      "VariableSet",
      "common",
      { description: "x", global: false, workspaces: ["network"], variables: [{ name: "a", value: "[1]", hcl: true }] },
    ],
    [
      "Workspace",
      "network",
      { pool: "prod", tags: ["a", "team=net"], variables: [{ name: "b", value: "2", env: true, description: "two" }] },
    ],
  ];
  const kinds = "pool,varset,workspace,providers";
  const follower: Doc = ["Workspace", "follower", { inheritExecutionMode: true, refuseDestroy: true }];

  test("says what is there, so that applying it elsewhere makes the same", async () => {
    await apply(...documents, follower);
    const text = (await server.done(["manifest", "export", "--kinds", kinds])).stdout;
    const path = join(directory, "exported.yaml");
    await writeFile(path, text);
    const unchanged = JSON.parse((await server.done(["manifest", "diff", "-f", path, "--prune", "-o", "json"])).stdout);
    expect(unchanged.map(({ kind }: Change) => kind)).toEqual(["none", "none", "none", "none", "none"]);
    const role = "site_admin";
    await server.done(["apply", "-f", path, "--yes", "--org", "rival"], { role });
    const copied = (await server.done(["manifest", "export", "--kinds", kinds, "--org", "rival"], { role })).stdout;
    expect(copied).toBe(text);
  });

  test("names where a secret has to be, and never what it is", async () => {
    const environment = { API_KEY: "s3cret-value" };
    const variables = [{ name: "api-key", sensitive: true, valueFrom: { env: "API_KEY" } }];
    await change("apply", [["Workspace", "network", { variables }]], { environment });
    const { stdout } = await server.done("manifest export --kinds workspace");
    expect(stdout).not.toContain("s3cret-value");
    const [document] = parseAllDocuments(stdout);
    expect(document?.toJS().spec.variables).toEqual([
      { name: "api-key", sensitive: true, valueFrom: { env: "NETWORK_API_KEY" } },
    ]);
    expect(JSON.parse((await server.done("manifest export --kinds workspace -o json")).stdout)).toEqual([
      document?.toJS(),
    ]);
  });

  test("of an organization that has nothing is empty", async () => {
    expect((await server.done("manifest export")).stdout).toBe("");
    expect(await server.json("manifest export --kinds org")).toMatchObject([
      { kind: "Organization", metadata: { name: "acme" } },
    ]);
  });
});
