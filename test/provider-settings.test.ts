import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { ExecutionMode } from "../src/gen/windlass/v1/workspace_pb.ts";
import { testEngines } from "./engines.ts";
import { sandboxesHere } from "./support/agent/sandbox-here.ts";
import { fakeSource, nodeDirectory, providerPackage, writeMirror } from "./support/provider-package.ts";
import { ProviderRegistry } from "./support/provider-registry.ts";
import { useStage } from "./support/stage.ts";
import { tarGz } from "./support/tar.ts";

const token = "a-token-of-the-registry";
const configuration = (source: string) => `terraform {
  required_providers {
    fake = { source = "${source}" }
  }
}
resource "fake_password" "p" {}
`;

let registry: ProviderRegistry;
beforeAll(async () => {
  registry = await ProviderRegistry.open({ token });
  registry.publish(
    await providerPackage({ source: `${registry.host}/acme/fake` }),
    await providerPackage({ source: fakeSource }),
  );
});
afterAll(() => registry[Symbol.asyncDispose]());

describe.each(testEngines)("an agent without any file, with the control plane on $name,", ({ name: engine }) => {
  const stage = useStage({ engine, serverAgents: 1 });

  /** A run of a configuration that needs the provider of this source. */
  async function ran(settings: Parameters<typeof stage.server.api.workspace>[0], source: string) {
    const { api } = stage.server;
    const workspace = await api.workspace(settings);
    await api.uploadArchive(workspace, tarGz([{ path: "main.tf", content: configuration(source) }]));
    return api.applied(workspace);
  }

  const cli = async (...args: readonly string[]) => {
    const answer = await stage.scene.cli(stage.server, args);
    expect(answer, answer.stderr).toMatchObject({ code: 0 });
  };

  const agentIn = async (sandbox: "auto" | "none", sandboxPaths: readonly string[] = []) => {
    const pool = await stage.server.api.pool();
    const args = ["--sandbox-paths", [nodeDirectory, ...sandboxPaths].join(",")];
    await stage.scene.agent(stage.server, { pool, sandbox, args });
    return pool;
  };

  // The sandbox knows nothing of the database: one is enough for it.
  const sandboxes = engine === "sqlite" ? sandboxesHere : sandboxesHere.slice(-1);
  describe.each(sandboxes.map((sandbox) => ({ sandbox })))("in the sandbox $sandbox", ({ sandbox }) => {
    test("takes providers from the filesystem mirror of its pool", async () => {
      const mirror = await mkdtemp(join(stage.scene.directory, "mirror-"));
      await writeMirror(mirror, [await providerPackage()]);
      const pool = await agentIn(sandbox, [mirror]);
      await cli("providers", "set", "--pool", pool, "--source", `${mirror},include=windlass.test/*/*`);
      const run = await ran({ agentPool: pool }, fakeSource);
      expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    });

    test("takes them from a network mirror that wants a token, and trusts its authority", async () => {
      const pool = await agentIn(sandbox);
      const ca = await registry.writeCa(stage.scene.directory);
      await cli(
        ...["providers", "set", "--pool", pool, "--source", registry.mirrorUrl.replace(/\/$/, ""), "--registry-ca", ca],
        ...["--registry", `${registry.host}=${token}`],
      );
      const run = await ran({ agentPool: pool }, fakeSource);
      expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
      expect(await stage.server.api.wholeLog(run.id)).not.toContain(token);
    });

    test("reaches a private registry with a port, with the pool's token over the organization's", async () => {
      const pool = await agentIn(sandbox);
      const ca = await registry.writeCa(stage.scene.directory);
      await cli("providers", "set", "--registry", `${registry.host}=a-token-of-nobody`, "--registry-ca", ca);
      const refused = await ran({ agentPool: pool }, `${registry.host}/acme/fake`);
      expect(refused).toMatchObject({ state: RunState.ERRORED });
      await cli("providers", "set", "--pool", pool, "--registry", `${registry.host}=${token}`);
      const run = await ran({ agentPool: pool }, `${registry.host}/acme/fake`);
      expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
      await cli("providers", "delete", "--yes");
    });
  });

  test("that is the server's own has the organization's settings", async () => {
    const ca = await registry.writeCa(stage.scene.directory);
    await cli("providers", "set", "--registry", `${registry.host}=${token}`, "--registry-ca", ca);
    const run = await ran({ executionMode: ExecutionMode.REMOTE }, `${registry.host}/acme/fake`);
    expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    await cli("providers", "delete", "--yes");
  });
});
