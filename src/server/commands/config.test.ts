import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Environment } from "../../lib/environment.ts";
import { readSettings } from "../read-call.ts";
import { commandCall, temporaryDirectory } from "../testing.ts";
import { configCommand } from "./config.ts";

let held: AsyncDisposableStack;
let file: string;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  file = join(await temporaryDirectory(held), "windlassd.yaml");
});
afterEach(() => held.disposeAsync());

type Flags = Readonly<Record<string, string>>;

async function printed(flags: Flags, own: Flags = {}, environment: Environment = {}): Promise<string> {
  const { call, said } = commandCall(flags, { own, environment, words: ["print"] });
  expect(await configCommand.run(call)).toBe(0);
  return said.join("");
}

const secrets = {
  WINDLASS_MASTER_KEY: "ab".repeat(32),
  WINDLASS_DATABASE_URL: "postgres://me:hunter2@db/windlass",
  WINDLASS_SERVER_ENGINE_MIRROR: "https://me:hunter2@mirror.example",
};

test("what is printed starts the same server, its secrets aside, which it does not tell", async () => {
  const flags = { "data-dir": "/srv/windlass", "keep-states": "90d", "trusted-proxies": "10.0.0.0/8,::1" };
  const more = { organization: "1e3", "max-state-size": "4KiB", "metrics-listen": "127.0.0.1:9000" };
  const text = await printed({ ...flags, ...more }, {}, secrets);
  expect(text).not.toMatch(/hunter2|abab/);
  await writeFile(file, text);
  const before = readSettings({ listen: "127.0.0.1:0", "server-agent-concurrency": "0", ...flags, ...more }, secrets);
  const after = readSettings({ config: file }, secrets);
  if (before.kind === "invalid" || after.kind === "invalid") throw new Error(JSON.stringify(after));
  const asText = (settings: object) => JSON.stringify({ ...settings, config: undefined });
  expect(asText(after.settings)).toBe(asText(before.settings));
});

test("where each value comes from is told beside it, also of masked ones", async () => {
  const text = await printed({ listen: "127.0.0.1:1" }, { origin: "true" }, { ...secrets, STATE_DIRECTORY: "/state" });
  expect(text.split("\n")).toEqual(
    expect.arrayContaining([
      "listen: 127.0.0.1:1  # --listen",
      "data-dir: /state  # STATE_DIRECTORY",
      "log-level: info  # default",
      '# database-url: "********"  # WINDLASS_DATABASE_URL',
      '# WINDLASS_MASTER_KEY: "********"  # WINDLASS_MASTER_KEY',
    ]),
  );
});

test("as JSON the same settings are told as texts", async () => {
  const plain = JSON.parse(await printed({ "rate-limit": "5" }, { output: "json" }, secrets));
  expect(plain).toMatchObject({ "rate-limit": "5", "allow-plaintext": "false", "database-url": "********" });
  const told = JSON.parse(await printed({ "rate-limit": "5" }, { output: "json", origin: "true" }));
  expect(told["rate-limit"]).toEqual({ value: "5", origin: "--rate-limit" });
  expect(told).not.toHaveProperty("database-url");
});

test.each([
  [["show"], {}, 'expected windlassd config print, got "show"'],
  [["print"], { output: "toml" }, '-o: expected yaml or json, got "toml"'],
])("%j %j is refused with what is expected", async (words, own, message) => {
  const { call, said } = commandCall({}, { words, own });
  await expect(configCommand.run(call)).rejects.toMatchObject({ name: "StartError", exitCode: 2, message });
  expect(said).toEqual([]);
});
