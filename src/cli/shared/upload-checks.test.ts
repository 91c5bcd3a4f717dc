import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FakeRuns } from "../../../test/support/cli/fake-runs.ts";
import { Code, FakeServer, refusal } from "../../../test/support/cli/fake-server.ts";
import { runCli } from "../../../test/support/cli/run-cli.ts";

let fake: FakeRuns;
let server: FakeServer;
let directory: string;

beforeEach(async () => {
  fake = new FakeRuns();
  server = await new FakeServer(fake.routes).start();
  directory = mkdtempSync(join(tmpdir(), "windlass-cli-dir-"));
});
afterEach(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

function files(contents: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(contents)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
}

/** Starts a run from a directory below; answers what was told. */
async function told(from: string, ...args: readonly string[]): Promise<string> {
  const { exit, stderr } = await runCli([...(args.length === 0 ? ["run", "start", "network", "--detach"] : args)], {
    environment: { WINDLASS_ADDRESS: server.address, WINDLASS_TOKEN: "t" },
    workingDirectory: join(directory, from),
  });
  return `exit ${exit}\n${stderr.replaceAll(directory, "ROOT").trimEnd()}`;
}

const hello = 'output "greeting" { value = "hello" }\n';

describe("a directory that does not fit the workspace is refused before it is uploaded", () => {
  beforeEach(() => {
    fake.workingDirectory = "live/net";
    files({ "live/net/main.tf": hello, "modules/a/main.tf": hello });
  });
  afterEach(() => expect([fake.uploadedBytes, fake.created]).toEqual([0, []]));

  test("the directory in which terraform would run, in place of the one above", async () =>
    expect(await told("live/net")).toMatchInlineSnapshot(`
      "exit 2
      Error: workspace network runs in live/net, and ROOT/live/net has no such directory: upload the one that has it
        Upload it:  windlass run start network --dir ../.."
    `));
  test("a directory that does not have it at all", async () =>
    expect(await told("modules", "upload", "../modules/a", "-w", "network")).toMatchInlineSnapshot(`
      "exit 2
      Error: workspace network runs in live/net, and ROOT/modules/a has no such directory: upload the one that has it
        Upload it:  windlass run start network --dir .."
    `));
  test("one that holds it without configuration", async () => {
    const destroy = ["run", "start", "network", "--detach", "--destroy", "--dir", "modules"];
    expect(await told(".", ...destroy)).toContain("ROOT/modules has no such directory");
    fake.workingDirectory = "live";
    expect(await told(".")).toMatchInlineSnapshot(`
      "exit 2
      Error: workspace network runs in live, and ROOT/live holds no .tf files itself
        Set it:  windlass workspace edit network --working-directory DIR"
    `);
  });
  test("configurations in folders alone, and a workspace that names none of them", async () => {
    fake.workingDirectory = "";
    expect(await told(".")).toMatchInlineSnapshot(`
      "exit 2
      Error: workspace network has no working directory, and ROOT holds no .tf files itself
        Set it:  windlass workspace edit network --working-directory DIR"
    `);
  });
  test.each([
    ["HCL", "main.tf", 'module "net" {\n  # source = "./x"\n  source = "../../modules/a"\n}\n', 3],
    ["JSON", "main.tf.json", '{"module": {"net": [{"source": "../../modules/a"}]}}', 1],
  ])("a module outside of it, in %s", async (_form, name, content, line) => {
    fake.workingDirectory = "";
    files({ [`live/net/${name}`]: content });
    expect((await told("live/net")).replace(`${name}:${line}`, "PLACE")).toBe(
      [
        "exit 2",
        'Error: PLACE: module "net" has the source ../../modules/a, outside of ROOT/live/net, which alone is uploaded: set the working directory to live/net, then upload what holds both: ../..',
        "  Set it:  windlass workspace edit network --working-directory live/net",
      ].join("\n"),
    );
  });
  test("a module outside of it that a module inside calls", async () => {
    fake.workingDirectory = "";
    files({
      "live/net/main.tf": 'module "b" { source = "./b" }\n',
      "live/net/b/b.tf": 'module "c" { source = "../../c" }\n',
    });
    expect(await told("live/net")).toContain('b/b.tf:1: module "c" has the source ../../c, outside of ROOT/live/net');
  });
});

describe("a directory that fits is uploaded", () => {
  afterEach(() => expect(fake.uploadedBytes).toBeGreaterThan(0));

  test("with the working directory and modules inside, comments and other words called source", async () => {
    fake.workingDirectory = "live/net";
    files({
      "live/net/main.tf": `
# module "x" { source = "../../../gone" }
module "a" {
  source = "../../modules/a"
  inputs = { source = "../../../../elsewhere" }
}
module "registry" { source = "hashicorp/consul/aws" }
locals { source = "../../../elsewhere" }
`,
      "modules/a/main.tf": hello,
    });
    expect(await told(".")).toMatch(/^exit 0\n/);
    expect(fake.created).toHaveLength(1);
  });

  test("with files that are not HCL: terraform says what is wrong", async () => {
    files({ "main.tf": 'module "a" { source = "../x' });
    expect(await told(".")).toMatch(/^exit 0\n/);
  });
});

describe("what the server would refuse afterwards is refused before the upload", () => {
  beforeEach(() => files({ "main.tf": hello }));

  test.each([
    ["local mode", Code.FailedPrecondition, "EXECUTION_MODE_LOCAL", 5],
    ["a role that may not apply", Code.PermissionDenied, "PERMISSION_DENIED", 4],
  ] as const)("%s", async (_name, code, reason, exit) => {
    fake.refusal = refusal(code, reason, "it is refused", { workspace: "network" });
    const line = ["run", "start", "network", "--auto-apply", "--var", "a=secret", "--priority", "high"];
    expect(await told(".", ...line)).toMatch(new RegExp(`^exit ${exit}\nError: it is refused`));
    expect([fake.uploadedBytes, fake.created]).toEqual([0, []]);
    expect(fake.checked[0]).toMatchObject({
      ...{ workspace: "network", priority: 3 },
      options: { autoApply: true, variables: [{ key: "a", value: "" }] },
    });
  });

  test("a server that does not know the question says it when the run is created", async () => {
    fake.refusal = refusal(Code.Unimplemented, "UNSPECIFIED", "unknown method");
    expect(await told(".")).toMatch(/^exit 0\n/);
    expect(fake.created).toHaveLength(1);
  });
});
