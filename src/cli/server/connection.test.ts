import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GlobalValues } from "../line/global-flags.ts";
import { readConfig, withContext, writeConfig } from "./config-file.ts";
import { resolveConnection } from "./connection.ts";

let home: string;
let path: string;

const config = {
  current: "prod",
  contexts: [
    { name: "prod", address: "https://tf.example.com", organization: "acme", token: "token-of-prod" },
    { name: "lab", address: "http://127.0.0.1:7070", tokenFile: "/nowhere", deny: ["delete" as const] },
  ],
};

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "windlass-cli-"));
  path = join(home, ".config", "windlass", "config.yaml");
  await writeConfig(path, config);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const resolve = (globals: Partial<GlobalValues>, environment: Record<string, string> = {}) =>
  resolveConnection(globals as GlobalValues, { HOME: home, ...environment });

describe("flag, else environment, else context, else default", () => {
  test("an address", async () => {
    expect((await resolve({})).address).toEqual({ value: "https://tf.example.com", origin: "context prod" });
    const environment = { WINDLASS_ADDRESS: "other.example.com" };
    expect((await resolve({}, environment)).address).toEqual({
      value: "https://other.example.com",
      origin: "WINDLASS_ADDRESS",
    });
    expect((await resolve({ address: "localhost:1" }, environment)).address).toEqual({
      value: "http://localhost:1",
      origin: "--address",
    });
    const nowhere = { WINDLASS_CONFIG: join(home, "none.yaml") };
    expect((await resolve({}, nowhere)).address).toEqual({ value: "http://127.0.0.1:7070", origin: "default" });
  });

  test("an organization and a timeout", async () => {
    expect((await resolve({})).organization).toEqual({ value: "acme", origin: "context prod" });
    expect((await resolve({}, { WINDLASS_ORG: "b" })).organization.value).toBe("b");
    expect((await resolve({ org: "c" }, { WINDLASS_ORG: "b" })).organization.value).toBe("c");
    expect((await resolve({}, { WINDLASS_TIMEOUT: "2m" })).timeoutMs.value).toBe(120_000);
    await expect(resolve({ timeout: "soon" })).rejects.toThrow(
      '--timeout is a duration such as 90s, 2h30m or 7d, not "soon"',
    );
  });

  test("a token: flag, variable, variable's file, context, terraform's variable", async () => {
    const file = join(home, "token");
    writeFileSync(file, "token-of-file\n");
    const origins = async (globals: Partial<GlobalValues>, environment: Record<string, string> = {}) =>
      (await resolve(globals, environment)).token;
    expect(await origins({})).toEqual({ value: "token-of-prod", origin: "context prod" });
    expect((await origins({}, { WINDLASS_TOKEN_FILE: file })).value).toBe("token-of-file");
    expect((await origins({}, { WINDLASS_TOKEN: "direct", WINDLASS_TOKEN_FILE: file })).value).toBe("direct");
    expect((await origins({ tokenFile: file }, { WINDLASS_TOKEN: "direct" })).value).toBe("token-of-file");
    const terraform = { WINDLASS_ADDRESS: "https://my-tf.example.com", TF_TOKEN_my__tf_example_com: "theirs" };
    expect(await origins({}, terraform)).toEqual({ value: "theirs", origin: "TF_TOKEN_my__tf_example_com" });
  });

  test("a context's token is never sent to another server", async () => {
    expect((await resolve({ address: "https://evil.example.com" })).token.value).toBeUndefined();
    expect((await resolve({ address: "https://evil.example.com" })).organization.value).toBe("");
    expect((await resolve({ address: "https://tf.example.com" })).token.value).toBe("token-of-prod");
    expect((await resolve({ address: "https://tunnel.example.com", context: "prod" })).token.value).toBe(
      "token-of-prod",
    );
  });

  test("a context that does not exist is refused with the nearest", async () => {
    await expect(resolve({ context: "prd" })).rejects.toThrow('there is no context "prd". Did you mean "prod"?');
  });

  test("what a context or the environment refuses", async () => {
    expect((await resolve({}, { WINDLASS_NO_DELETE: "1" })).denied).toEqual(["delete"]);
    await expect(resolve({ context: "lab" })).rejects.toThrow("the token file of context lab cannot be read");
  });
});

describe("the config file", () => {
  test("is written for its owner only, and read back the same", async () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await readConfig(path)).config).toEqual(config);
    await writeConfig(path, withContext(config, { name: "new", address: "http://127.0.0.1:1" }));
    expect((await readConfig(path)).config.current).toBe("new");
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test.each([
    ["version: 2", "expected version: 1, got 2"],
    ["version: 1\ncontext: []", 'unknown key "context" in the file. Did you mean "contexts"?'],
    [
      "version: 1\ncontexts: [{name: a, address: b, tokn: c}]",
      'unknown key "tokn" in context 1. Did you mean "token"?',
    ],
    ["version: 1\ncontexts: [{name: a}]", "address of context 1 is some text"],
    [
      "version: 1\ncontexts: [{name: a, address: b, deny: [everything]}]",
      "deny of context 1 is a list of delete, force, apply",
    ],
    ["{", "is not readable YAML"],
  ])("%j is refused", async (content, message) => {
    writeFileSync(path, content);
    await expect(readConfig(path)).rejects.toThrow(message);
  });

  test("one that everybody can read is refused, one that the group can read is a warning", async () => {
    mkdirSync(join(home, "open"));
    const open = join(home, "open", "config.yaml");
    writeFileSync(open, "version: 1", { mode: 0o644 });
    await expect(readConfig(open)).rejects.toThrow("everybody on this machine can read it (mode 644)");
    const group = join(home, "open", "group.yaml");
    writeFileSync(group, "version: 1", { mode: 0o640 });
    expect((await readConfig(group)).warnings).toHaveLength(1);
  });
});
