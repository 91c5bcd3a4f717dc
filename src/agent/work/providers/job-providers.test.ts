import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { renderCliItems } from "../../../terraform/configuration/cli-config/cli-syntax.ts";
import type { ProviderSources } from "../../../terraform/configuration/provider-sources.ts";
import type { AgentConfig } from "../../contract/config.ts";
import { cliConfigText, composeProviders, type Given } from "./job-providers.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-sources-"));
});
afterEach(() => rm(dir, { recursive: true }));

const compose = ({ config = {}, ...rest }: Partial<Omit<Given, "config">> & { config?: Partial<AgentConfig> }) =>
  composeProviders({
    config: {
      ...{ dataDir: join(dir, "data"), workRoot: dir, labels: {}, concurrency: 1, version: "1", isServerAgent: false },
      ...{ searchPath: "/bin", sandbox: "none", minFreeBytes: 0 },
      ...config,
    },
    isSandboxed: true,
    sources: undefined,
    ...rest,
  });

const sources = (more: Partial<ProviderSources> = {}): ProviderSources => ({
  mirrors: [],
  hosts: [],
  caPem: "",
  ...more,
});
const everything = { include: [], exclude: [] };

async function ownConfig(text: string): Promise<Partial<AgentConfig>> {
  await writeFile(join(dir, "cli.tfrc"), text);
  return { cliConfigFile: join(dir, "cli.tfrc"), pluginHome: join(dir, "plugins") };
}

describe("what a job is told", () => {
  test("is nothing when nobody says anything", async () => {
    expect(await compose({})).toMatchObject({ methods: null, others: "", readable: [], secrets: [] });
  });

  test("is what the control plane says, with its tokens as secrets", async () => {
    const hosts = [{ host: "localhost:9443", token: "token-of-the-pool" }];
    const mirrors = [{ kind: "network", url: "https://m.test/", ...everything }] as const;
    const told = await compose({ sources: sources({ mirrors, hosts }) });
    expect(cliConfigText(told)).toContain('url = "https://m.test/"');
    expect(cliConfigText(told)).toContain('credentials "localhost:9443"');
    expect(told.secrets).toEqual(["token-of-the-pool"]);
    expect(told.sentence).toContain("the network mirror https://m.test/ (the setting providers of the control plane)");
  });

  test("is the mirrors of the agent's owner alone when there are any, and its credentials before others", async () => {
    const config = await ownConfig(
      'provider_installation {\n direct {}\n}\ncredentials "A.test" { token = "own-token" }',
    );
    const hosts = [
      { host: "a.test", token: "other-token" },
      { host: "b.test", token: "b-token" },
    ];
    const mirrors = [{ kind: "network", url: "https://m.test/", ...everything }] as const;
    const told = await compose({ config, sources: sources({ mirrors, hosts }) });
    expect(renderCliItems(told.methods ?? [])).toBe("direct {\n}\n");
    expect(told.others).not.toContain("other-token");
    expect(told.secrets).toEqual(["own-token", "b-token"]);
  });

  test("shows the paths that the owner's configuration names, and its helper", async () => {
    for (const name of ["mirror", "plugins"]) await mkdir(join(dir, name));
    await writeFile(join(dir, "plugins", "terraform-credentials-vault"), "", { mode: 0o755 });
    const config = await ownConfig(
      `credentials_helper "vault" {}\nprovider_installation {\n filesystem_mirror { path = "${dir}/mirror" }\n}`,
    );
    const helper = join(dir, "plugins", "terraform-credentials-vault");
    expect(await compose({ config })).toMatchObject({ readable: [join(dir, "mirror"), helper], helper });
  });

  test("trusts the control plane's authorities beside those of the agent", async () => {
    await writeFile(join(dir, "ca.pem"), "OWN\n");
    const passed = { values: { SSL_CERT_FILE: join(dir, "ca.pem") }, missing: [] };
    expect((await compose({ config: { passed }, sources: sources({ caPem: "POOL\n" }) })).caPem).toBe("OWN\nPOOL\n");
    const system = (await compose({ sources: sources({ caPem: "POOL\n" }) })).caPem;
    expect(system.endsWith("POOL\n")).toBe(true);
  });
});

describe("a directory that the control plane names", () => {
  const ask = (path: string, more: Partial<AgentConfig> = {}, isSandboxed = true) =>
    compose({
      config: more,
      isSandboxed,
      sources: sources({ mirrors: [{ kind: "filesystem", path, ...everything }] }),
    });

  test("is used in a sandbox only where the agent's owner shows it", async () => {
    await mkdir(join(dir, "mirror"));
    const path = join(dir, "mirror");
    await expect(ask(path)).rejects.toThrow(`names the directory ${path}, which this agent does not show to jobs`);
    expect((await ask(path, { sandboxPaths: [dir] })).readable).toEqual([]);
    expect((await ask(path, {}, false)).readable).toEqual([]);
    await expect(ask("/root", { sandboxPaths: ["/roo"] })).rejects.toThrow("--sandbox-paths");
    await expect(ask("/usr/../root")).rejects.toThrow("--sandbox-paths");
  });

  test("has to be there", async () => {
    await expect(ask(join(dir, "gone"))).rejects.toThrow("which this agent does not have");
  });
});

test.each([
  ["a missing file", undefined, "cannot be read: "],
  [
    "a mirror that is not there",
    'provider_installation {\n filesystem_mirror { path = "/nowhere" }\n}',
    "/nowhere cannot be used: it is not there",
  ],
  [
    "a helper that is not there",
    'credentials_helper "x" {}',
    "terraform-credentials-x cannot be used: it is not there",
  ],
  [
    "the agent's own data",
    'provider_installation {\n filesystem_mirror { path = "/" }\n}',
    "/data to jobs: name another place",
  ],
])("%s is said", async (_name, text, problem) => {
  const config = text === undefined ? { cliConfigFile: join(dir, "none") } : await ownConfig(text);
  await expect(compose({ config })).rejects.toThrow(problem);
  expect(await readFile(join(dir, "cli.tfrc"), "utf8").catch(() => "")).toBe(text ?? "");
});
