import { spawn } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { flagsOf } from "./flags.ts";
import { type GoTest, goTests } from "./go-tfe-tests.ts";

const version = "v1.109.0";
const root = resolve(import.meta.dirname, "..");
/** Nothing listens there: whatever would leave this machine fails at once. */
const closed = "http://127.0.0.1:9";
const secondsEach = 300;

const usage = `scripts/go-tfe [--database-url postgres://…] [--only NAME] [--markdown] [--keep DIR]
Runs the integration tests of go-tfe ${version} against a fresh server, and prints a table. It needs Go.
--database-url: an empty database; without it SQLite. --only: those alone whose names have this.
--markdown: the table as it stands in docs/. --keep: the module is
built there, and kept for the next time.`;

const flags = flagsOf(usage, {
  "database-url": { type: "string", default: "" },
  only: { type: "string", default: "" },
  markdown: { type: "boolean", default: false },
  keep: { type: "string", default: "" },
});

await using held = new AsyncDisposableStack();
const place = await mkdtemp(join(tmpdir(), "go-tfe-"));
held.defer(() => rm(place, { recursive: true, force: true }));

/** The tests as one program, in the folder where their fixtures are. */
async function buildTests(): Promise<{ readonly program: string; readonly folder: string }> {
  const folder = join(flags.keep === "" ? place : resolve(flags.keep), "module");
  const program = join(folder, "go-tfe.test");
  if (await readFile(program).catch(() => undefined)) return { program, folder };
  const { stdout } = await execa("go", ["mod", "download", "-json", `github.com/hashicorp/go-tfe@${version}`], {
    cwd: place,
  });
  const { Dir: source }: { readonly Dir: string } = JSON.parse(stdout);
  await cp(source, folder, { recursive: true });
  await makeWritable(folder);
  // No registry of providers is asked for: the configuration that the tests upload needs none.
  await writeFile(join(folder, "test-fixtures/config-version/main.tf"), 'resource "terraform_data" "foo" {}\n');
  await replaceIn(join(folder, "subscription_updater_test.go"), /(\) Update\(t \*testing\.T\) \{\n)/, "$1\treturn\n");
  await execa("go", ["test", "-c", "-o", program, "."], { cwd: folder, stdio: "inherit" });
  return { program, folder };
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makeWritable(path);
    else await chmod(path, 0o644);
  }
}

/** Organizations of the tests are not put on plans of the vendor. */
async function replaceIn(path: string, pattern: RegExp, text: string): Promise<void> {
  const before = await readFile(path, "utf8");
  await writeFile(path, before.replace(pattern, text));
}

async function freePort(): Promise<number> {
  const { promise, resolve: found } = Promise.withResolvers<number>();
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => found(typeof address === "object" && address !== null ? address.port : 0));
  });
  return promise;
}

/** A fresh server, and the key of its admin. */
async function startServer(): Promise<{ readonly address: string; readonly token: string }> {
  const data = join(place, "data");
  await mkdir(data);
  const address = `http://127.0.0.1:${await freePort()}`;
  const database = flags["database-url"] === "" ? [] : ["--database-url", flags["database-url"]];
  const args = ["--data-dir", data, "--listen", new URL(address).host, "--rate-limit", "0", ...database];
  const server = spawn(join(root, "bin/windlassd"), args, { stdio: "ignore" });
  held.defer(async () => {
    const ended = new Promise((done) => server.once("exit", done));
    if (server.exitCode === null && server.kill("SIGTERM")) await ended;
  });
  for (let tries = 0; tries < 300; tries++) {
    const answer = await fetch(`${address}/readyz`).catch(() => undefined);
    if (answer?.ok === true) return { address, token: (await readFile(join(data, "admin-token"), "utf8")).trim() };
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error("windlassd was not ready after 30 seconds");
}

const pattern = (name: string): string =>
  name
    .split("/")
    .map((part) => `^${part.replaceAll(/[\\.+*?()|[\]{}^$]/g, "\\$&")}$`)
    .join("/");

interface Outcome {
  readonly noun: string;
  readonly test: GoTest;
  readonly result: "passed" | "failed" | "skipped";
  readonly words: string;
}

const { program, folder } = await buildTests();
const { address, token } = await startServer();

async function run(noun: string, test: GoTest): Promise<Outcome> {
  const skipped = Object.keys(test.without ?? {}).map((part) => pattern(`${test.name}/${part}`));
  const skip = skipped.length === 0 ? [] : ["-test.skip", skipped.join("|")];
  const beta = test.isBeta === true ? { ENABLE_BETA: "1" } : {};
  const { exitCode, all = "" } = await execa(
    program,
    ["-test.v", "-test.run", pattern(test.name), ...skip, `-test.timeout=${secondsEach}s`],
    {
      ...{ cwd: folder, all: true, reject: false, extendEnv: true },
      env: {
        ...{ TFE_ADDRESS: address, TFE_TOKEN: token, SKIP_PAID: "1", TFC_RUN_TASK_URL: `${closed}/hook` },
        ...{ HTTP_PROXY: closed, HTTPS_PROXY: closed, NO_PROXY: "127.0.0.1,localhost", ...beta },
      },
    },
  );
  const isRun = all.includes(`--- PASS: ${test.name.split("/")[0]}`);
  const result = exitCode !== 0 ? "failed" : isRun ? "passed" : "skipped";
  const words = /Error:\s+(.*)/.exec(all)?.[1] ?? "";
  return { noun, test, result, words: result === "failed" ? words : "" };
}

const wanted = Object.entries(goTests)
  .flatMap(([noun, tests]) => tests.map((test) => ({ noun, test })))
  .filter(({ test }) => test.name.includes(flags.only) && test.needsAgent !== true);
const outcomes: Outcome[] = [];
for (const { noun, test } of wanted) {
  const outcome = await run(noun, test);
  outcomes.push(outcome);
  if (!flags.markdown || outcome.result !== "passed")
    console.error(`${outcome.result.padEnd(8)}${test.name}${test.isBeta === true ? " (beta)" : ""} ${outcome.words}`);
}
if (flags.markdown) {
  console.log("| noun | test | result | left out of it |\n| --- | --- | --- | --- |");
  for (const { noun, test, result } of outcomes) {
    const without = Object.entries(test.without ?? {}).map(([part, why]) => `\`${part}\`: ${why}`);
    console.log(
      `| ${noun} | \`${test.name}\`${test.isBeta === true ? " (beta)" : ""} | ${result} | ${without.join("; ")} |`,
    );
  }
}
const failed = outcomes.filter(({ result }) => result !== "passed").length;
console.error(`${outcomes.length - failed} of ${outcomes.length} passed`);
process.exitCode = failed === 0 ? 0 : 1;
