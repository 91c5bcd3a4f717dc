import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Command } from "../../src/cli/shared/command.ts";
import { entries } from "../../src/cli/shell/tree.ts";
import { textWidth } from "../../src/lib/text/wrap-text.ts";
import { newId } from "../../src/lib/words/ids.ts";
import { type CliServer, openCliServer } from "../support/cli/real-server.ts";
import { agentRow, jobRow, runRow, startedBy, stateRow } from "../support/rows.ts";
import * as rows from "../support/store/rows.ts";

let server: CliServer;
let directory: string;
let known: Readonly<Record<string, string>>;

/** One of everything that commands name. */
beforeAll(async () => {
  server = await openCliServer();
  const { control, organization } = server;
  for (const line of [
    "pool create prod",
    "workspace create net --pool prod",
    "workspace create dns",
    "varset create common",
    "var set a=1 -w net",
  ])
    await server.done(line);
  await server.done("varset attach common net");
  const [pool, workspace] = await control.store.read(async (q) => [
    await q.pools.byName(organization.id, "prod"),
    await q.workspaces.byName(organization.id, "net"),
  ]);
  if (pool === undefined || workspace === undefined) throw new Error("they were made");
  const agent = agentRow(pool, { name: "vm-1", status: "exited" });
  const own = { organizationId: organization.id };
  const token = rows.token({ ...own, id: newId("atok", control.random), poolId: pool.id, description: "racks" });
  const key = rows.apiKey({ ...own, id: newId("key", control.random), hash: "of-a-key", name: "ci", role: "reader" });
  const planned = runRow(workspace, { status: "planned", planSha256: "a".repeat(64) });
  const ended = runRow(workspace, { status: "errored", endedAt: control.clock.now() });
  const aside = stateRow(workspace, { id: newId("sv", control.random), status: "quarantined" });
  await control.store.write(async (tx) => {
    await tx.agents.insert(agent);
    await tx.tokens.insert(token);
    await tx.apiKeys.insert(key);
    const browser = { apiKeyId: key.id, id: control.random.uuid(), userAgent: "Mozilla/5.0 ".repeat(16) };
    await tx.browserSessions.insert(rows.browserSession(browser));
    for (const run of [planned, ended]) await tx.runs.insert(run);
    await tx.jobs.insert(jobRow(planned, startedBy(agent)));
    await tx.states.insert(aside);
  });
  await server.done("whoami", { role: "reader" });
  directory = await mkdtemp(join(tmpdir(), "windlass-every-"));
  await writeFile(join(directory, "main.tf"), "");
  await writeFile(join(directory, "a.tfvars"), 'a = "1"\n');
  known = {
    ...{ DIR: directory, FILE: join(directory, "a.tfvars") },
    ...{ WS: "net", POOL: "prod", SET: "common", AGENT: "vm-1", RUN: planned.id, TOKEN: token.id, KEY: key.id },
    ...{ STATE: aside.id, ORG: "acme", NAME: "fresh", ended: ended.id },
  };
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** What asks no server, or does so only to log in. */
const local = new Set(["login", "logout", "version", "completion", "manifest validate", "doctor"]);

interface Verb {
  readonly line: string;
  readonly command: Command;
}
const verbs: readonly Verb[] = (
  await Promise.all(
    entries.map(async (entry): Promise<readonly Verb[]> => {
      if (entry.kind === "command") return [{ line: entry.name, command: await entry.load() }];
      const commands = await entry.load();
      return commands.map((command) => ({ line: `${entry.name} ${command.name}`, command }));
    }),
  )
)
  .flat()
  .filter(({ line }) => !local.has(line) && !line.startsWith("context "));

/** Words and flags without which a command does not begin, for what is not there. */
const needed: Readonly<Record<string, readonly string[]>> = {
  "run start": ["ghost", "--cv", "latest", "--detach"],
  "run priority": ["run_01h455vb4pex5vsknk084sn02q", "high"],
  "run comment": ["run_01h455vb4pex5vsknk084sn02q", "hello"],
  "cv upload": ["DIR", "-w", "ghost"],
  upload: ["DIR", "-w", "ghost"],
  "state diff": ["ghost", "1", "2"],
  "cv list": ["-w", "ghost"],
  "cv download": ["cv_01h455vb4pex5vsknk084sn02q", "--file", "/dev/null"],
  "state push": ["-", "-w", "ghost"],
  "state pull": ["ghost", "--file", "-"],
  "state rollback": ["ghost", "1"],
  "token create": ["--pool", "ghost"],
  "token list": ["--pool", "ghost"],
  "pool trust": ["ghost"],
  "trust create": ["--pool", "ghost", "--issuer", "https://oidc.example.com", "--subject", "a", "--audience", "b"],
  "trust list": ["--pool", "ghost"],
  deploy: ["systemd", "--pool", "ghost", "--no-token"],
  "agent list": ["--pool", "ghost"],
  "agent kept": ["ghost"],
  "agent remove-kept": ["ghost", "--all"],
  "agent pause": ["ghost"],
  "providers get": ["--pool", "ghost"],
  "providers set": ["--pool", "ghost", "--source", "direct"],
  "providers unset": ["--pool", "ghost", "--sources"],
  "providers delete": ["--pool", "ghost"],
  "workspace create": ["fresh", "--pool", "ghost"],
  "workspace edit": ["ghost", "--description", "x"],
  "run list": ["-w", "ghost"],
  "var list": ["-w", "ghost"],
  "var set": ["a=1", "-w", "ghost"],
  "var unset": ["a", "-w", "ghost"],
  "var export": ["-w", "ghost"],
  "var import": ["FILE", "-w", "ghost"],
  "varset list": ["-w", "ghost"],
  "varset edit": ["ghost", "--description", "x"],
  "pool edit": ["ghost", "--description", "x"],
  "pool update": ["ghost", "--mode", "patch"],
  "org get": ["ghost"],
  "org edit": ["ghost", "--max-agents", "1"],
  "apikey create": ["--name", "x", "--role", "reader"],
  api: ["SystemService/GetServerInfo"],
  open: ["ghost"],
  apply: ["-f", "-"],
  "manifest apply": ["-f", "-"],
  "manifest diff": ["-f", "-"],
};
const ids: Readonly<Record<string, string>> = {
  RUN: "run",
  CV: "cv",
  STATE: "sv",
  TOKEN: "atok",
  TRUST: "atok",
  KEY: "key",
};
const absent = ({ line, command }: Verb): readonly string[] =>
  needed[line] ??
  Object.values(command.positionals)
    .filter(({ arity }) => arity !== "maybe")
    .map(({ placeholder }) => {
      const prefix = ids[placeholder.replace("...", "")];
      return prefix === undefined ? "ghost" : `${prefix}_01h455vb4pex5vsknk084sn02q`;
    });

const manifest = "apiVersion: windlass/v1\nkind: AgentPool\nmetadata: {name: other}\nspec: {}\n";
const state = JSON.stringify({ version: 4, serial: 9, lineage: "x", outputs: {}, resources: [] });
const stdinOf = (line: string) => (line === "state push" ? state : /apply|manifest/.test(line) ? manifest : "");
const callOf = (verb: Verb) => [...verb.line.split(" "), ...absent(verb).map((word) => known[word] ?? word), "--yes"];

/** How many changes were recorded so far. */
const changes = async () =>
  (
    await server.control.store.read((q) => {
      const filter = { organizationId: null, action: "", actor: "", resource: "", since: null, until: null };
      return q.audit.list(filter, { before: null, limit: 1_000 });
    })
  ).length;

describe.each(verbs)("windlass $line", (verb) => {
  const stdin = stdinOf(verb.line);

  test("is refused with 4 where the credential is nobody's, and says what to do", async () => {
    const before = await changes();
    const environment = { WINDLASS_TOKEN: `wdl_usr_${"x".repeat(43)}` };
    const answer = await server.cli(callOf(verb), { environment, stdin });
    // A server tells anybody what it is.
    if (verb.line === "api") return expect(answer.exit).toBe(0);
    expect([answer.exit, answer.stdout]).toEqual([4, ""]);
    expect(answer.stderr).toMatch(/log in|login|token|credential/i);
    expect(await changes()).toBe(before);
  });

  if (verb.line !== "agent watch")
    test("is over with 7 where no server answers, and says which", async () => {
      const environment = { WINDLASS_ADDRESS: "http://127.0.0.1:9" };
      const answer = await server.cli([...callOf(verb), "--timeout", "2s"], { environment, stdin });
      expect([answer.exit, answer.stdout]).toEqual([7, ""]);
      expect(answer.stderr).toContain("127.0.0.1:9");
    });

  test("explains itself without a server", async () => {
    const environment = { WINDLASS_ADDRESS: "http://127.0.0.1:9" };
    const answer = await server.cli([...verb.line.split(" "), "--help"], { environment });
    expect([answer.exit, answer.stderr]).toEqual([0, ""]);
    expect(answer.stdout).toContain(verb.command.summary.split("; ")[0]);
    for (const { placeholder } of Object.values(verb.command.positionals)) expect(answer.stdout).toContain(placeholder);
  });
});

/** What makes something new, or is about nothing that has a name. */
const nameless = new Set([
  ...["whoami", "status", "pool list", "pool create", "varset create", "agent watch", "workspace list", "org list"],
  ...["org create", "apikey list", "apikey create", "audit list", "audit export", "api", "apply", "manifest apply"],
  ...["manifest diff", "manifest export", "watch"],
]);

describe.each(verbs.filter(({ line }) => !nameless.has(line)))("windlass $line of what is not there", (verb) => {
  test("is over with 3, tells what is missing, and has changed nothing", async () => {
    const before = await changes();
    const answer = await server.cli(callOf(verb), { stdin: stdinOf(verb.line) });
    expect([answer.exit, answer.stdout]).toEqual([3, ""]);
    expect(answer.stderr).toMatch(/ghost|01h455vb4pex5vsknk084sn02q/);
    expect(answer.stderr).not.toMatch(/at .*\.ts:\d+/);
    expect(await changes()).toBe(before);
  });
});

/** Every command that changes something, about what is there. */
const changing: readonly (readonly [line: string, ...words: string[]])[] = [
  ["run start", "net", "--cv", "latest", "--detach"],
  ["run confirm", "RUN"],
  ["run discard", "RUN"],
  ["run cancel", "RUN"],
  ["run retry", "ended"],
  ["run priority", "RUN", "low"],
  ["run comment", "RUN", "hello"],
  ["run resolve", "ended", "unlock"],
  ["cv upload", "DIR", "-w", "dns"],
  ["state push", "-", "-w", "dns"],
  ["state adopt", "STATE"],
  ["state drop", "STATE"],
  ["pool create", "NAME"],
  ["pool edit", "POOL", "--description", "x"],
  ["pool update", "POOL", "--mode", "patch"],
  ["pool delete", "NAME"],
  ["pool grant", "POOL", "dns"],
  ["pool revoke", "POOL", "dns"],
  ["pool assign", "POOL", "dns"],
  ["pool unassign", "net"],
  ["token create", "--pool", "prod"],
  ["token rotate", "TOKEN"],
  ["token revoke", "TOKEN"],
  ["agent pause", "AGENT"],
  ["agent resume", "AGENT"],
  ["agent drain", "AGENT"],
  ["agent delete", "AGENT"],
  ["providers set", "--pool", "prod", "--source", "direct"],
  ["providers delete", "--pool", "prod"],
  ["workspace create", "NAME"],
  ["workspace edit", "WS", "--description", "x"],
  ["workspace delete", "dns"],
  ["workspace lock", "dns"],
  ["workspace unlock", "dns", "--force"],
  ["var set", "b=1", "-w", "net"],
  ["var unset", "a", "-w", "net"],
  ["varset create", "NAME"],
  ["varset edit", "SET", "--description", "x"],
  ["varset delete", "SET"],
  ["varset attach", "SET", "dns"],
  ["varset detach", "SET", "net"],
  ["org create", "NAME"],
  ["org edit", "ORG", "--max-agents", "3"],
  ["org delete", "ORG"],
  ["apikey create", "--name", "x", "--role", "reader"],
  ["apikey rotate", "KEY"],
  ["apikey revoke", "KEY"],
  ["apikey sessions", "KEY", "--end-all"],
  ["apply", "-f", "-"],
];

test.each(changing)("a reader is refused %s with 4, and nothing is changed or recorded", async (line, ...words) => {
  const before = await changes();
  const call = [...line.split(" "), ...words.map((word) => known[word] ?? word), "--yes"];
  const answer = await server.cli(call, { role: "reader", stdin: stdinOf(line) });
  // What is looked for first may be what is not there.
  const exit = line === "pool delete" ? 3 : 4;
  expect([answer.exit, answer.stdout.replace(/^[+~ ] .*\n( {4}.*\n)*/gm, "")], answer.stderr).toEqual([exit, ""]);
  expect(await changes()).toBe(before);
});

describe("a table at 80 columns", () => {
  const wide = "漢字かな交じり文 の説明 ";

  test.each([
    "workspace list",
    "pool list",
    "varset list",
    "agent list --include-exited",
    "run list",
    "token list",
    "apikey list",
    "apikey sessions KEY",
    "audit list",
    "org list",
    "var list -w net",
    "run get RUN",
    "workspace get net",
    "pool get prod",
    "agent get vm-1",
    "status",
  ])("%s fits, whatever it holds", async (line) => {
    await server.done(["workspace", "edit", "net", "--description", wide.repeat(9)]);
    await server.done(["varset", "edit", "common", "--description", wide.repeat(9)]);
    await server.done(["pool", "edit", "prod", "--description", wide.repeat(9)]);
    await server.done(["var", "set", "-w", "net", `wide=${wide.repeat(20)}`]);
    const call = line.split(" ").map((word) => known[word] ?? word);
    const { stdout } = await server.done(call, { isTty: true, columns: 80 });
    expect(stdout.trim()).not.toBe("");
    for (const one of stdout.split("\n")) expect([one, textWidth(one) <= 80]).toEqual([one, true]);
  });
});
