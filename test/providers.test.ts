import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { FakeJob } from "./support/agent/fake-job.ts";
import { sandboxesHere } from "./support/agent/sandbox-here.ts";
import { bareEngines } from "./support/bare.ts";
import { fakeSource, placeOf, providerPackage, writeMirror, writePackage } from "./support/provider-package.ts";
import { ProviderStage } from "./support/provider-stage.ts";

// Each run starts two engines and a provider, and other tests may run beside.
vi.setConfig({ testTimeout: 120_000 });

const token = "a-token-of-the-registry";
const worlds = bareEngines.flatMap((engine) => sandboxesHere.map((sandbox) => ({ engine, sandbox })));

/** What went wrong in a run's jobs; nothing for one that was applied. */
const errors = (jobs: readonly FakeJob[]) => jobs.map(({ result }) => result?.errorMessage);
const applied = ["", ""];
const logs = (jobs: readonly FakeJob[]) => jobs.map(({ logText }) => logText).join("\n");

describe.each(worlds)("providers of $engine in the sandbox $sandbox come from", ({ engine, sandbox }) => {
  let stage: ProviderStage;
  beforeEach(async () => {
    stage = await ProviderStage.open(engine, token);
  });
  afterEach(() => stage[Symbol.asyncDispose]());

  test.each(["packed", "unpacked"] as const)("a filesystem mirror, %s", async (layout) => {
    const mirror = await stage.directory("mirror");
    await writeMirror(mirror, [await providerPackage()], layout);
    const cliConfigFile = await stage.write(
      "cli.tfrc",
      `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`,
    );
    await stage.start({ sandbox, cliConfigFile });
    expect(errors(await stage.run(stage.configuration(fakeSource)))).toEqual(applied);
  });

  test("the state, where a directory without configuration is destroyed", async () => {
    const mirror = await stage.directory("mirror");
    await writeMirror(mirror, [await providerPackage()], "packed");
    const cliConfigFile = await stage.write(
      "cli.tfrc",
      `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`,
    );
    await stage.start({ sandbox, cliConfigFile });
    const made = await stage.run(stage.configuration(fakeSource));
    expect(errors(made)).toEqual(applied);
    const content = made.at(-1)?.states.at(-1)?.content ?? Buffer.alloc(0);
    const { lineage, serial } = JSON.parse(content.toString());
    const state = { content, lineage, serial };
    const jobs = await stage.run({}, { state, spec: { options: { destroy: true } } });
    expect([errors(jobs), logs(jobs)]).toEqual([applied, expect.stringContaining("1 destroyed")]);
  });

  test("a network mirror that wants a token, with an authority of its own", async () => {
    stage.registry.publish(await providerPackage());
    const cliConfigFile = await stage.write(
      "cli.tfrc",
      `provider_installation {\n  network_mirror {\n    url = "${stage.registry.mirrorUrl}"\n  }\n}
credentials "${stage.registry.host}" {\n  token = "${token}"\n}\n`,
    );
    await stage.start({ sandbox, cliConfigFile, ...(await stage.trusted()) });
    const jobs = await stage.run(stage.configuration(fakeSource));
    expect(errors(jobs)).toEqual(applied);
    expect(logs(jobs)).not.toContain(token);
  });

  test("a private registry with a port", async () => {
    await stage.publish();
    const credentials = `credentials "${stage.registry.host}" {\n  token = "${token}"\n}\n`;
    await stage.start({
      sandbox,
      cliConfigFile: await stage.write("cli.tfrc", credentials),
      ...(await stage.trusted()),
    });
    expect(errors(await stage.run(stage.configuration()))).toEqual(applied);
  });

  test("a registry whose token comes from a credentials helper", async () => {
    await stage.publish();
    const pluginHome = await stage.directory("plugins");
    const helper = `#!/bin/sh\n[ "$2" = get ] && echo '{"token":"${token}"}'\n`;
    await writeFile(join(pluginHome, "terraform-credentials-test"), helper, { mode: 0o755 });
    const cliConfigFile = await stage.write("cli.tfrc", 'credentials_helper "test" {\n  args = ["--quiet"]\n}\n');
    await stage.start({ sandbox, pluginHome, cliConfigFile, ...(await stage.trusted()) });
    expect(errors(await stage.run(stage.configuration()))).toEqual(applied);
  });

  test("a directory in which somebody develops one", async () => {
    const bin = await stage.directory("bin");
    await writePackage(bin, await providerPackage());
    await rename(join(bin, "terraform-provider-fake_v1.0.0"), join(bin, "terraform-provider-fake"));
    const mirror = await stage.directory("mirror");
    await writeMirror(mirror, [await providerPackage()]);
    const cliConfigFile = await stage.write(
      "cli.tfrc",
      `provider_installation {
  dev_overrides {
    "${fakeSource}" = "${bin}"
  }
  filesystem_mirror {
    path = "${mirror}"
  }
}
`,
    );
    await stage.start({ sandbox, cliConfigFile });
    const jobs = await stage.run(stage.configuration(fakeSource));
    expect(errors(jobs)).toEqual(applied);
    expect(logs(jobs)).toContain(bin);
  });

  test.each([0, 100e6])("what the upload brings along, with a cache of %d bytes", async (providerCacheBytes) => {
    const provider = await providerPackage();
    const path = join("terraform.d/plugins", placeOf(provider).packed);
    await stage.start({ sandbox, providerCacheBytes });
    const files = { ...stage.configuration(fakeSource), [path]: provider.zip };
    expect(errors(await stage.run(files))).toEqual(applied);
    expect(errors(await stage.run(files))).toEqual(applied);
  });

  test("where a workspace's variables say, which override what is passed", async () => {
    await stage.publish();
    const credentials = `credentials "${stage.registry.host}" {\n  token = "${token}"\n}\n`;
    const ca = await stage.registry.writeCa(stage.place.dir);
    await stage.start({
      ...{ sandbox, sandboxPaths: [ca] },
      cliConfigFile: await stage.write("cli.tfrc", credentials),
      passed: { values: { SSL_CERT_FILE: "/etc/passwd", HTTPS_PROXY: "http://127.0.0.1:1" }, missing: [] },
    });
    const variables = [
      { key: "SSL_CERT_FILE", value: ca, environment: true },
      { key: "NO_PROXY", value: "localhost", environment: true },
    ];
    expect(errors(await stage.run(stage.configuration(), { variables }))).toEqual(applied);
  });

  test("nowhere: the run's error says where this agent looks, and what to do", async () => {
    await stage.publish();
    await stage.start({
      sandbox,
      passed: { values: { HTTPS_PROXY: "http://user:hunter2-hunter2@127.0.0.1:1" }, missing: [] },
    });
    const jobs = await stage.run(stage.configuration("registry.windlass.test/acme/fake"));
    expect(errors(jobs)).toEqual([
      expect.stringMatching(
        /This agent takes providers from their registries \(no --cli-config, no setting providers\), through the proxy http:\/\/127\.0\.0\.1:1: name a mirror with --cli-config .*docs\/providers\.md/,
      ),
    ]);
    expect(logs(jobs)).toContain("Windlass: ");
    expect(logs(jobs)).not.toContain("hunter2");
  });

  test("a registry whose authority nobody trusts, or whose token is missing: the error says which", async () => {
    await stage.publish();
    await stage.start({ sandbox });
    expect(errors(await stage.run(stage.configuration()))).toEqual([expect.stringContaining("authority of that host")]);
  });

  test("a registry whose token is missing: the error says so", async () => {
    await stage.publish();
    await stage.start({ sandbox, ...(await stage.trusted()) });
    expect(errors(await stage.run(stage.configuration()))).toEqual([expect.stringContaining("wants a token")]);
  });

  test("a mirror that vanished while the agent runs: the error names it", async () => {
    const mirror = await stage.directory("mirror");
    const cliConfigFile = await stage.write(
      "cli.tfrc",
      `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}/gone"\n  }\n}\n`,
    );
    await stage.start({ sandbox, cliConfigFile });
    expect(errors(await stage.run(stage.configuration(fakeSource)))).toEqual([
      `the agent's owner has to repair --cli-config: ${cliConfigFile}: filesystem_mirror: ${mirror}/gone cannot be used: it is not there`,
    ]);
  });
});
