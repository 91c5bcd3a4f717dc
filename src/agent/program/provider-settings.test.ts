import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../../lib/random.ts";
import { mintToken } from "../../lib/words/tokens.ts";
import type { AgentConfig } from "../contract/config.ts";
import {
  checkCache,
  checkCliConfig,
  checkPassed,
  checkSources,
  providerProblems,
} from "../work/providers/check-providers.ts";
import { readProgramCall } from "./program-config.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-providers-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function called(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): AgentConfig {
  const more = { WINDLASS_AGENT_TOKEN: mintToken("agt", systemRandom), HOME: dir, ...environment };
  const call = readProgramCall(["--data-dir", join(dir, "data"), ...argv], more);
  if (call.kind !== "run") throw new Error(JSON.stringify(call));
  return call.config.agent;
}

async function file(text: string): Promise<string> {
  await writeFile(join(dir, "cli.tfrc"), text, { mode: 0o600 });
  return join(dir, "cli.tfrc");
}

describe("the settings of where providers come from", () => {
  test("are nothing and a cache of 2 GiB when nobody says anything", async () => {
    const config = called([]);
    expect(config).toMatchObject({ passed: { values: {}, missing: [] }, providerCacheBytes: 2 ** 31 });
    expect(config.cliConfigFile).toBeUndefined();
    expect(await providerProblems(config)).toEqual([]);
  });

  test("come from flags, and from variables", () => {
    const environment = { WINDLASS_AGENT_PASS_ENV: "TF_TOKEN_*", TF_TOKEN_a: "t", WINDLASS_AGENT_PROVIDER_CACHE: "0" };
    expect(called(["--cli-config", "/etc/a.tfrc"], environment)).toMatchObject({
      cliConfigFile: "/etc/a.tfrc",
      pluginHome: join(dir, ".terraform.d/plugins"),
      passed: { values: { TF_TOKEN_a: "t" } },
      providerCacheBytes: 0,
    });
  });

  test("refuse every name that no job may get", () => {
    const call = readProgramCall(["--pass-env", "PATH,HTTPS_PROXY,TF_CLI_CONFIG_FILE"], {
      WINDLASS_AGENT_TOKEN: mintToken("agt", systemRandom),
    });
    expect(call.kind === "invalid" && call.problems).toEqual([
      expect.stringContaining("PATH cannot be passed"),
      expect.stringContaining("TF_CLI_CONFIG_FILE cannot be passed"),
    ]);
  });

  test("keep an agent from starting when something that they name is not there: everything at once", async () => {
    const cliConfig = await file(
      'credentials_helper "x" {}\nprovider_installation {\n filesystem_mirror { path = "/nowhere" }\n}',
    );
    const config = called(["--cli-config", cliConfig, "--pass-env", "SSL_CERT_FILE"], { SSL_CERT_FILE: "/no/ca.pem" });
    expect(await providerProblems(config)).toEqual([
      expect.stringContaining("/nowhere cannot be used"),
      expect.stringContaining("terraform-credentials-x cannot be used"),
      expect.stringContaining("the authorities in /no/ca.pem cannot be read"),
    ]);
  });

  test("keep an agent from starting when something that they name would show jobs its data directory", async () => {
    const data = join(dir, "data");
    await mkdir(join(data, "mirror"), { recursive: true });
    await writeFile(join(data, "ca.pem"), "");
    const cliConfig = await file(`provider_installation {\n filesystem_mirror { path = "${data}/mirror" }\n}`);
    const environment = { SSL_CERT_FILE: join(data, "ca.pem"), SSL_CERT_DIR: dir };
    expect(
      await providerProblems(called(["--cli-config", cliConfig, "--pass-env", "SSL_CERT_*"], environment)),
    ).toEqual([
      expect.stringContaining(`${data}/mirror would show ${data} to jobs`),
      expect.stringContaining(`the authorities in ${data}/ca.pem would show ${data} to jobs`),
      expect.stringContaining(`the authorities in ${dir} would show ${data} to jobs`),
    ]);
  });
});

describe("doctor", () => {
  test("says where providers come from", async () => {
    expect(await checkSources(called([]))).toMatchObject({
      status: "ok",
      detail: expect.stringContaining(
        "from their registries (no --cli-config, no setting providers), through no proxy",
      ),
    });
  });

  test("says what the CLI configuration names, and warns of what does nothing or is open to everybody", async () => {
    await mkdir(join(dir, "mirror"));
    const text = `provider_installation {\n filesystem_mirror { path = "${dir}/mirror" }\n}\n`;
    const config = called(["--cli-config", await file(text)]);
    expect(await checkCliConfig(config)).toMatchObject({
      status: "ok",
      detail: expect.stringContaining(`${dir}/mirror`),
    });
    await file(`${text}plugin_cache_dir = "/x"`);
    expect(await checkCliConfig(config)).toMatchObject({
      status: "warn",
      detail: expect.stringContaining("plugin_cache_dir does nothing"),
    });
    await file(text);
    await chmod(join(dir, "cli.tfrc"), 0o644);
    expect(await checkCliConfig(config)).toMatchObject({
      status: "warn",
      detail: expect.stringContaining("readable by everybody"),
    });
    await file("x = 1");
    expect(await checkCliConfig(config)).toMatchObject({
      status: "fail",
      detail: expect.stringContaining("line 1: x is no setting"),
    });
  });

  test("warns of variables that are not set", async () => {
    const config = called(["--pass-env", "HTTPS_PROXY,NO_PROXY"], { NO_PROXY: "a" });
    expect(await checkPassed(config)).toMatchObject({
      status: "warn",
      detail: "jobs get NO_PROXY; not set: HTTPS_PROXY",
    });
  });

  test("looks whether the cache can be written", async () => {
    expect(await checkCache(called([]))).toMatchObject({ status: "ok", detail: "0 packages, 0 MiB of 2048 MiB" });
    expect(await checkCache(called(["--provider-cache", "0"]))).toMatchObject({ status: "ok" });
    await rm(join(dir, "data"), { recursive: true });
    await writeFile(join(dir, "data"), "");
    await expect(checkCache(called([]))).rejects.toThrow();
  });
});
