import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApiKey } from "../src/control/people/api-keys.ts";
import { uploadAnnounced } from "../src/control/runs/configuration-runs.ts";
import { announceConfiguration } from "../src/control/workspaces/pending-configurations.ts";
import { Readiness } from "../src/http/readiness.ts";
import { memoryLog } from "../src/lib/program/log.ts";
import { interceptorsFor } from "../src/rpc/interceptors.ts";
import { serviceRoutes } from "../src/rpc/routes.ts";
import { runCli } from "./support/cli/run-cli.ts";
import { openTestControl, type TestControl } from "./support/control.ts";
import { type Listener, listen } from "./support/listen.ts";
import { stateRow } from "./support/rows.ts";
import { ref } from "./support/wanted.ts";

let fixture: TestControl;
let listener: Listener;
let directory: string;
let environment: Readonly<Record<string, string>>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "windlass-files-"));
  const { log } = memoryLog();
  fixture = await openTestControl({ log });
  const { control, organization } = fixture;
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes: serviceRoutes(control), interceptors: interceptorsFor(control) },
    ...{ readiness: new Readiness(), log },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  listener = opened.listener;
  const key = { name: "ana", role: "owner", organizationId: organization.id } as const;
  const { secret } = await createApiKey(control, key);
  environment = { WINDLASS_ADDRESS: listener.url, WINDLASS_TOKEN: secret, NO_COLOR: "1" };
});
afterAll(async () => {
  await listener.close(0);
  await fixture[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const cli = (...args: readonly string[]) => runCli(args, { environment });
const done = async (...args: readonly string[]) => {
  const answer = await cli(...args);
  expect(answer, answer.stderr).toMatchObject({ exit: 0 });
  return answer;
};
const refused = async (exit: number, text: string | RegExp, ...args: readonly string[]) => {
  const answer = await cli(...args);
  expect([answer.exit, answer.stderr]).toEqual([exit, expect.stringMatching(text)]);
};

const file = async (name: string, text: string) => {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
};

describe("windlass workspace", () => {
  test("create, edit and get know every setting", async () => {
    await done("pool", "create", "prod");
    await done(
      ...["workspace", "create", "network", "--pool", "prod", "--agent-selector", "zone=a,gpu", "--engine", "tofu"],
      ...["--tag", "prod,team:net", "--plan-timeout", "30m", "--apply-timeout", "1h30m", "--parallelism", "4"],
      ...["--share-state-with", "apps,dns"],
    );
    const { stdout } = await done("workspace", "get", "network");
    for (const line of [
      /^Tags: +prod, team:net$/m,
      /^Agent selector: +zone=a,gpu$/m,
      /^Engine: +tofu$/m,
      /^Parallelism: +4$/m,
      /^Plan timeout: +30m$/m,
      /^Apply timeout: +1h30m$/m,
      /^Outputs read by: +apps, dns$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    await done("workspace", "edit", "network", "--tag", "", "--plan-timeout", "0", "--share-state-with", "apps");
    await done("workspace", "edit", "network", "--share-state");
    const { stdout: json } = await done("workspace", "get", "network", "-o", "json");
    expect(JSON.parse(json)).toMatchObject({
      ...{ tags: [], remoteStateConsumers: ["apps"], sharesStateWithOrganization: true },
      ...{ applyTimeout: "5400s", parallelism: 4, agentSelector: "zone=a,gpu" },
    });
    expect(JSON.parse(json)).not.toHaveProperty("planTimeout");
  });

  test("one that follows its organization and is not to be destroyed says so, and its tags have values", async () => {
    const made = ["workspace", "create", "follower", "--inherit-execution-mode", "--refuse-destroy"];
    await done(...made, "--tag", "prod,owner=ana=maria");
    const { stdout } = await done("workspace", "get", "follower");
    for (const line of [
      /^Tags: +owner=ana=maria, prod$/m,
      /^Execution mode: +remote, as the organization has it$/m,
      /^Destroy: +refused$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    await done("workspace", "edit", "follower", "--refuse-destroy=false", "--tag", "prod", "--execution-mode", "local");
    const { stdout: json } = await done("workspace", "get", "follower", "-o", "json");
    expect(JSON.parse(json)).toMatchObject({
      ...{ tags: ["prod"], tagBindings: {}, executionMode: "EXECUTION_MODE_LOCAL" },
      ...{ inheritsExecutionMode: false, refusesDestroy: false },
    });
    await refused(
      2,
      /follows its organization/,
      "ws",
      "edit",
      "follower",
      "--inherit-execution-mode",
      "--pool",
      "prod",
    );
  });

  test("a configuration whose archive is to come, or was refused, says so", async () => {
    await done("workspace", "create", "packed");
    const { control } = fixture;
    const wish = { workspace: ref("packed"), isSpeculative: true, isProvisional: true, queuesRun: false };
    const pending = await announceConfiguration(control, fixture.as("operator"), wish);
    const { id } = (await announceConfiguration(control, fixture.as("operator"), wish)).configuration;
    const chunks = (async function* () {
      yield Buffer.from("no archive");
    })();
    await uploadAnnounced(control, fixture.as("operator"), { id, chunks }).catch(() => undefined);
    const { stdout } = await done("cv", "list", "-w", "packed", "-o", "wide");
    expect(stdout).toMatch(new RegExp(`${pending.configuration.id} +pending +- +- +plan only, provisional`));
    expect(stdout).toMatch(new RegExp(`${id} +errored +- +- +plan only, provisional`));
    const shown = (await done("cv", "get", id)).stdout;
    expect(shown).toMatch(/^Status: +errored$/m);
    expect(shown).toMatch(/^Error: +.*not a gzip file/m);
    expect(shown).not.toMatch(/^(Files|Size|Uploaded): +[^-]/m);
  });

  test("bad values are explained", async () => {
    await done("workspace", "create", "plain");
    await refused(
      2,
      /--plan-timeout is a duration such as 90s/,
      "workspace",
      "edit",
      "plain",
      "--plan-timeout",
      "soon",
    );
    await refused(
      2,
      /--parallelism is a whole number from 0 to 256/,
      "workspace",
      "edit",
      "plain",
      "--parallelism",
      "x",
    );
    await refused(2, /only agents of a pool are selected/, "workspace", "edit", "plain", "--agent-selector", "zone=a");
    await refused(
      2,
      /"zone=ä" has a value with other characters/,
      "workspace",
      "edit",
      "network",
      "--agent-selector",
      "zone=ä",
    );
    await refused(2, /--tag: expected 1 to 63 lower-case/, "workspace", "edit", "plain", "--tag", "No Tag");
    await refused(2, /names itself/, "workspace", "edit", "plain", "--share-state-with", "plain");
    await refused(2, /nothing to change/, "workspace", "edit", "plain");
  });

  test("list finds by tags, text, mode, lock and pool", async () => {
    await done("workspace", "create", "tagged", "--tag", "a,b", "--description", "The Big one");
    await done("workspace", "lock", "tagged", "--reason", "moving");
    const names = async (...args: readonly string[]) => (await done("workspace", "list", "-o", "name", ...args)).stdout;
    expect(await names("--tag", "b,a")).toBe("workspace/tagged\n");
    expect(await names("--search", "big ONE")).toBe("workspace/tagged\n");
    expect(await names("--locked")).toBe("workspace/tagged\n");
    expect(await names("--mode", "agent")).toBe("workspace/network\n");
    expect(await names("--pool", "prod", "--mode", "remote")).toBe("");
    const { stdout, stderr } = await done("workspace", "get", "tagged");
    expect([stdout, stderr]).toEqual([
      expect.stringContaining('"moving"'),
      expect.stringContaining("workspace unlock tagged"),
    ]);
    await done("workspace", "unlock", "tagged");
    await refused(5, /not locked/, "workspace", "unlock", "tagged");
  });

  test("delete says what would be lost, and resources need force", async () => {
    await done("workspace", "create", "doomed");
    await done("var", "set", "-w", "doomed", "a=1");
    const { control, organization } = fixture;
    await control.store.write(async (tx) => {
      const workspace = await tx.workspaces.byName(organization.id, "doomed");
      if (workspace === undefined) throw new Error("there is no such workspace");
      const state = stateRow(workspace, { resourceCount: 3 });
      await tx.states.insert(state);
      await tx.workspaces.save({ ...workspace, currentStateId: state.id });
    });
    const trial = await done("workspace", "delete", "doomed", "--dry-run");
    expect(trial.stdout).toBe(
      "Deleting doomed would lose 1 state version, 1 variable\n3 resources of its state stay in the world, and nobody manages them then: it needs --force\n",
    );
    await refused(
      5,
      /3 resources of its state stay[\s\S]*run start doomed --destroy/,
      "workspace",
      "delete",
      "doomed",
      "--yes",
    );
    await refused(2, /add --yes/, "workspace", "delete", "doomed", "--force");
    const gone = await done("workspace", "delete", "doomed", "--force", "--yes");
    expect(gone.stderr).toContain("3 resources of its state stay in the world");
    expect(gone.stdout).toContain("Deleted workspace doomed with 1 state version, 1 variable");
    await refused(3, /does not exist/, "workspace", "get", "doomed");
  });
});

describe("windlass var and varset", () => {
  test("manage sets, and show where a value comes from", async () => {
    await done("workspace", "create", "app");
    for (const name of ["set-b", "set-a"]) {
      await done("varset", "create", name, "--description", "keys");
      await done("var", "set", "--set", name, `who=${name}`);
      await done("varset", "attach", name, "app");
    }
    await done("varset", "create", "everywhere", "--global");
    await done("var", "set", "--set", "everywhere", "who=all", "-q");
    await done("var", "set", "-w", "app", "who=own");
    const { stdout } = await done("var", "list", "-w", "app", "--effective");
    expect(stdout).toMatch(/^who +own +terraform +workspace +set set-a, set set-b, set everywhere$/m);
    expect((await done("varset", "get", "set-a")).stdout).toMatch(/^Attached to: +app$/m);
    expect((await done("varset", "list")).stdout).toMatch(/^everywhere +1 +all/m);
    await done("varset", "edit", "set-a", "--name", "set-c");
    await done("varset", "detach", "set-c", "app");
    expect((await done("varset", "list", "-w", "app", "-o", "name")).stdout).toBe("varset/everywhere\nvarset/set-b\n");
    await done("varset", "delete", "everywhere", "--yes");
    await refused(3, /variable set "everywhere" does not exist[\s\S]*varset list/, "varset", "get", "everywhere");
    await refused(2, /either --workspace WS \(-w\) or --set SET/, "var", "list", "--set", "set-b", "-w", "app");
    await refused(2, /either --workspace WS \(-w\) or --set SET/, "var", "set", "a=1");
  });

  test("import and export files of each form", async () => {
    await done("varset", "create", "imported");
    const tfvars = await file("a.tfvars", 'region = "eu"\nzones = ["a", "b"] # two\n');
    const trial = await done("var", "import", tfvars, "--set", "imported", "--dry-run");
    expect(trial.stdout).toMatch(/^zones +\["a", "b"\] +terraform +yes/m);
    expect((await done("var", "list", "--set", "imported", "-o", "name")).stdout).toBe("");
    await done("var", "import", tfvars, "--set", "imported");
    await done("var", "import", await file("b.auto.tfvars.json", '{"size": 3, "text": "%{x}"}'), "--set", "imported");
    await done("var", "import", await file(".env", "# keys\nexport A='b c'\nPIN=12 # short\n"), "--set", "imported");
    const { stdout } = await done("var", "export", "--set", "imported");
    expect(stdout).toBe('region = "eu"\nsize = 3\ntext = "%%{x}"\nzones = ["a", "b"]\n');
    expect((await done("var", "export", "--set", "imported", "--env")).stdout).toBe("A='b c'\nPIN=12\n");
    const wrong = await file("c.tfvars", 'a = "b"\n\nc = var.d\n');
    await refused(2, /c\.tfvars:3: var refers to something/, "var", "import", wrong, "--set", "imported");
    await refused(2, /does not tell what it is/, "var", "import", await file("what", ""), "--set", "imported");
    await refused(2, /LD_PRELOAD/, "var", "import", await file("d.env", "LD_PRELOAD=x\n"), "--set", "imported");
  });

  test("sensitive values never come back; short ones and bad HCL are spoken of", async () => {
    await done("varset", "create", "keys");
    const set = await done("var", "set", "--set", "keys", "--env", "--sensitive", "PIN=1234", "KEY=long-enough");
    expect(set.stderr).toContain("values of fewer than 6 characters are not redacted in logs: PIN");
    expect((await done("var", "list", "--set", "keys", "-o", "json")).stdout).not.toMatch(/1234|long-enough/);
    const { stdout, stderr } = await done("var", "export", "--set", "keys", "--env");
    expect(stdout).toBe("# KEY is sensitive\n# PIN is sensitive\n");
    expect(stderr).toContain("sensitive values never come back: KEY, PIN");
    await refused(2, /a string needs quotes/, "var", "set", "--set", "keys", "--hcl", "zone=eu-west-1");
    await done("var", "set", "--set", "keys", "zone=a", "--dry-run");
    await done("var", "unset", "--set", "keys", "--env", "PIN");
    expect((await done("var", "list", "--set", "keys", "-o", "name")).stdout).toBe("var/KEY\n");
  });
});
