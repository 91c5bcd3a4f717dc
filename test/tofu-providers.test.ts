import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { Engine } from "../src/gen/windlass/v1/workspace_pb.ts";
import { sandboxesHere } from "./support/agent/sandbox-here.ts";
import { nodeDirectory, providerPackage, writeMirror } from "./support/provider-package.ts";
import { ProviderRegistry } from "./support/provider-registry.ts";
import { useStage } from "./support/stage.ts";
import { tarGz } from "./support/tar.ts";
import { describeWithTofu } from "./support/terraform.ts";

// Each run starts the engine and a provider several times, and other tests may run beside.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** How a configuration names a provider, and what OpenTofu makes of it. */
const names = [
  { source: "test/fake", whole: "registry.opentofu.org/test/fake" },
  { source: "registry.terraform.io/test/fake", whole: "registry.terraform.io/test/fake" },
];
const packages = () => Promise.all(names.map(({ whole }) => providerPackage({ source: whole })));

let registry: ProviderRegistry;
beforeAll(async () => {
  registry = await ProviderRegistry.open();
  registry.publish(...(await packages()));
});
afterAll(() => registry[Symbol.asyncDispose]());

describeWithTofu("what the control plane says of providers, for a workspace of OpenTofu", () => {
  const stage = useStage();

  describe.each(sandboxesHere)("in the sandbox %s", (sandbox) => {
    let mirror: string;
    let pool: string;
    beforeAll(async () => {
      mirror = await mkdtemp(join(stage.scene.directory, "mirror-"));
      await writeMirror(mirror, await packages());
      pool = await stage.server.api.pool();
      const args = ["--sandbox-paths", `${nodeDirectory},${mirror}`, "--provider-cache", "100MB"];
      await stage.scene.agent(stage.server, { pool, sandbox, args });
    });

    async function set(...args: readonly string[]): Promise<void> {
      const answer = await stage.scene.cli(stage.server, ["providers", "set", "--pool", pool, ...args]);
      expect(answer, answer.stderr).toMatchObject({ code: 0 });
    }

    async function workspaceOf(source: string): Promise<string> {
      const { api } = stage.server;
      const workspace = await api.workspace({ agentPool: pool, engine: Engine.TOFU });
      await api.uploadArchive(workspace, tarGz([{ path: "main.tf", content: configuration(source) }]));
      return workspace;
    }

    test.each(names)("takes $source from a filesystem mirror", async ({ source, whole }) => {
      const { api } = stage.server;
      await set("--source", `${mirror},include=${source.replace("fake", "*")}`);
      const workspace = await workspaceOf(source);
      expect(await api.applied(workspace)).toMatchObject(good);
      expect(JSON.stringify(await api.state(workspace))).toContain(`provider[\\"${whole}\\"]`);
    });

    test.each(names)("takes $source from a network mirror once, then from the agent's cache", async ({ source }) => {
      const { api } = stage.server;
      const ca = await registry.writeCa(stage.scene.directory);
      await set("--source", registry.mirrorUrl.replace(/\/$/, ""), "--registry-ca", ca);
      const workspace = await workspaceOf(source);
      const before = registry.count("zip");
      expect(await api.applied(workspace)).toMatchObject(good);
      expect(registry.count("zip") - before).toBe(1);
      const again = await api.applied(workspace, { variables: [{ key: "length", value: "9", hcl: true }] });
      expect(again).toMatchObject(good);
      expect(registry.count("zip") - before).toBe(1);
      expect(await api.wholeLog(again.id)).toContain("fake 1.0.0 from the cache");
    });
  });
});

const good = { state: RunState.APPLIED, errorMessage: "" };

const configuration = (source: string) => `terraform {
  required_providers {
    fake = { source = "${source}" }
  }
}
variable "length" { default = 8 }
resource "fake_password" "p" { length = var.length }
`;
