import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { temporaryDirectory } from "../../test/support/server.ts";
import type { Environment } from "../lib/environment.ts";
import { readSettings } from "./read-call.ts";

let held: AsyncDisposableStack;
let path: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  path = join(await temporaryDirectory(held), "windlassd.yaml");
});
afterEach(() => held.disposeAsync());

type Flags = Readonly<Record<string, string>>;

function read(flags: Flags = {}, environment: Environment = {}) {
  const loaded = readSettings({ config: path, ...flags }, environment);
  if (loaded.kind === "invalid") throw new Error(loaded.problems.join("\n"));
  return loaded;
}

function problems(flags: Flags = {}, environment: Environment = {}): readonly string[] {
  const loaded = readSettings({ config: path, ...flags }, environment);
  return loaded.kind === "invalid" ? loaded.problems : [];
}

test("a flag wins over a variable, that over the file it names, that over the configuration, and each origin is known", async () => {
  const secret = `${path}.level`;
  await writeFile(secret, "error\n");
  await writeFile(path, "log-level: warn\nlog-format: json\n");
  const variable = { WINDLASS_LOG_LEVEL: "debug", WINDLASS_LOG_LEVEL_FILE: secret };
  const level = (flags: Flags, environment: Environment) => {
    const { settings, origins } = read(flags, environment);
    return [settings.logLevel, origins.logLevel];
  };
  expect(level({ "log-level": "silent" }, variable)).toEqual(["silent", "--log-level"]);
  expect(level({}, variable)).toEqual(["debug", "WINDLASS_LOG_LEVEL"]);
  expect(level({}, { WINDLASS_LOG_LEVEL_FILE: secret })).toEqual(["error", "WINDLASS_LOG_LEVEL_FILE"]);
  expect(level({}, {})).toEqual(["warn", `${path}: log-level`]);
  expect(read().origins).toMatchObject({ logFormat: `${path}: log-format`, listen: "default" });
});

test("the file is named by a flag, by a variable, or by a file that the variable names", async () => {
  await writeFile(path, "organization: acme\n");
  const by = (flags: Flags, environment: Environment) => {
    const loaded = readSettings(flags, environment);
    return loaded.kind === "loaded" ? loaded.settings.organization : loaded.problems;
  };
  expect(by({ config: path }, {})).toBe("acme");
  expect(by({}, { WINDLASS_SERVER_CONFIG: path })).toBe("acme");
  await writeFile(`${path}.name`, path);
  expect(by({}, { WINDLASS_SERVER_CONFIG_FILE: `${path}.name` })).toBe("acme");
  expect(by({}, {})).toBe("default");
});

test("values may be numbers, lists and true or false, as YAML has them", async () => {
  await writeFile(
    path,
    "max-queued-runs: 5\nallow-plaintext: true\ntrusted-proxies: [10.0.0.0/8, '::1']\nmax-state-size: 4MiB\nkeep-runs: ~\n",
  );
  const { settings } = read();
  expect(settings).toMatchObject({ maxQueuedRuns: 5, allowPlaintext: true, maxStateSize: 4 * 2 ** 20 });
  expect(settings.trustedProxies?.texts).toEqual(["10.0.0.0/8", "::1"]);
  expect(settings.keepRuns).toBeUndefined();
});

test.each(["", "# nothing but a remark\n", "---\n"])("a file with nothing in it, %j, sets nothing", async (text) => {
  await writeFile(path, text);
  expect(read().origins.logLevel).toBe("default");
});

test.each(["- listen", "listen", "42"])(
  "a file that is no mapping, %j, is refused with what it should be",
  async (text) => {
    await writeFile(path, text);
    expect(problems()).toEqual([`${path}: expected settings such as "listen: 127.0.0.1:7070", one a line`]);
  },
);

test("a file that is not there, or is no YAML, is named", async () => {
  expect(problems()).toEqual([expect.stringContaining(`${path} cannot be read: ENOENT`)]);
  await writeFile(path, "listen: [\n");
  expect(problems()).toEqual([expect.stringContaining(`${path} cannot be read: `)]);
});

test("a name that is none is a problem, with the one that was meant; secrets without a flag are none either", async () => {
  await writeFile(path, "lisen: 127.0.0.1:1\nmaster-key: abc\n");
  expect(problems()).toEqual([
    expect.stringMatching(/lisen is not a setting.*listen/),
    expect.stringContaining("master-key is not a setting"),
  ]);
});

test("every problem is told at once, wherever it comes from", async () => {
  await writeFile(path, "log-level: loud\nnonsense: 1\n");
  const found = problems({ listen: "nowhere" }, { WINDLASS_RATE_LIMIT: "-1", WINDLASS_LISTENN: "x" });
  for (const name of ["log-level", "nonsense is not a setting", "--listen", "WINDLASS_RATE_LIMIT", "WINDLASS_LISTENN"])
    expect(found.filter((problem) => problem.includes(name))).toHaveLength(1);
});

test("what the server's own agent could not work with is refused before a start", async () => {
  await writeFile(path, "data-dir: /srv/windlass\nsandbox-paths: [/opt/mirror, /srv]\n");
  expect(problems()).toEqual([expect.stringContaining("/srv would show /srv/windlass to jobs")]);
  const key = "/srv/windlass/master.key";
  expect(problems({ "sandbox-paths": key })).toEqual([
    expect.stringContaining(`${key} would show /srv/windlass to jobs`),
  ]);
  const elsewhere = { WINDLASS_MASTER_KEY_FILE: `${path}.key` };
  await writeFile(`${path}.key`, "ab".repeat(32));
  expect(problems({ "sandbox-paths": `${path}.key` }, elsewhere)).toEqual([
    expect.stringContaining(`would show ${path}.key to jobs`),
  ]);
});
