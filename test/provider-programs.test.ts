import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemRandom } from "../src/lib/random.ts";
import { mintToken } from "../src/lib/words/tokens.ts";
import { sandboxesHere } from "./support/agent/sandbox-here.ts";
import { nodeDirectory, providerPackage, writeMirror } from "./support/provider-package.ts";
import { openScene, type Scene } from "./support/scene.ts";

let scene: Scene;
beforeEach(async () => {
  scene = await openScene();
});
afterEach(() => scene[Symbol.asyncDispose]());

const at = (name: string) => join(scene.directory, name);

async function mirrorConfig(): Promise<string> {
  await writeMirror(at("mirror"), [await providerPackage()], "packed");
  const text = `provider_installation {\n  filesystem_mirror {\n    path = "${at("mirror")}"\n  }\n}\n`;
  await writeFile(at("providers.tfrc"), text, { mode: 0o600 });
  return at("providers.tfrc");
}

const badConfig = async (): Promise<string> => {
  await writeFile(at("bad.tfrc"), 'provider_installation {\n  filesystem_mirror { path = "/nowhere" }\n}\nx = 1\n');
  return at("bad.tfrc");
};

test("windlass-agent does not start with a CLI configuration that cannot work, and says why", async () => {
  const args = ["--data-dir", at("agent"), "--cli-config", await badConfig()];
  const agent = scene.start("windlass-agent", args, { WINDLASS_AGENT_TOKEN: mintToken("agt", systemRandom) });
  expect(await agent.ended).toMatchObject({ code: 2 });
  expect(agent.stderr()).toContain("bad.tfrc, line 4: x is no setting of a CLI configuration");
});

test("windlassd neither", async () => {
  const args = ["--data-dir", at("server"), "--listen", "127.0.0.1:0", "--cli-config", at("missing.tfrc")];
  const server = scene.start("windlassd", args);
  expect(await server.ended).toMatchObject({ code: 2 });
  expect(server.stderr()).toContain("missing.tfrc cannot be read");
});

test.each(sandboxesHere)(
  "a remote workspace takes providers from the server's CLI configuration, sandbox %s",
  async (sandbox) => {
    const args = ["--cli-config", await mirrorConfig(), "--sandbox", sandbox, "--sandbox-paths", nodeDirectory];
    const server = await scene.server({ serverAgents: 1, args });
    await mkdir(at("configuration"));
    const main = `terraform {\n  required_providers {\n    fake = { source = "windlass.test/test/fake" }\n  }\n}\nresource "fake_password" "p" {}\n`;
    await writeFile(join(at("configuration"), "main.tf"), main);
    await scene.cli(server, ["workspace", "create", "network"]);
    for (let run = 1; run <= 2; run += 1) {
      const answer = await scene.cli(server, ["run", "start", "network", "--dir", at("configuration"), "--yes"]);
      expect(answer, answer.stdout).toMatchObject({ code: 0 });
    }
  },
);

test("windlassd doctor tells where its own agent takes providers from", async () => {
  const args = ["doctor", "--data-dir", at("server"), "--cli-config", await mirrorConfig(), "-o", "json"];
  const doctor = scene.start("windlassd", args);
  await doctor.ended;
  const checks: readonly { readonly id: string; readonly detail: string }[] = JSON.parse(doctor.stdout());
  const detail = (id: string) => checks.find((one) => one.id === id)?.detail;
  expect(detail("cli-config")).toContain(at("mirror"));
  expect(detail("providers")).toContain(`from the filesystem mirror ${at("mirror")}`);
  expect(detail("provider-cache")).toContain("0 packages");
});
