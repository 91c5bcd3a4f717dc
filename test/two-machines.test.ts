import { chown, mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { describeWithSandbox } from "./support/agent/sandbox-here.ts";
import { type Program, programPath, startProgram } from "./support/programs.ts";
import { nodeDirectory, providerPackage } from "./support/provider-package.ts";
import { ProviderRegistry } from "./support/provider-registry.ts";
import { useStage } from "./support/stage.ts";

const nobody = 65_534;
const isRoot = process.getuid?.() === 0;

interface Machine {
  readonly name: string;
  readonly accepts: "plan" | "apply";
  readonly pool: string;
  /** Authorities that its jobs trust. */
  readonly ca: string;
  /** Another user than the tests', where they may choose. */
  readonly isOfNobody: boolean;
}

const main = (source: string) => `
terraform {
  required_providers {
    fake = { source = "${source}" }
  }
}
data "fake_archive" "site" {
  source_dir  = "\${path.module}/site"
  output_path = "\${path.module}/build/site.zip"
}
resource "fake_upload" "site" {
  source      = data.fake_archive.site.output_path
  source_hash = data.fake_archive.site.output_base64sha256
}
resource "terraform_data" "absolute" {
  input = "\${path.cwd}/build/site.zip"
  provisioner "local-exec" {
    command = "test -s \${path.cwd}/build/site.zip"
  }
}
output "size" {
  value = fake_upload.site.size
}
`;

/** The directories that lead to a path, the highest first. */
function ancestorsOf(path: string): readonly string[] {
  const above = dirname(path);
  return above === path ? [] : [...ancestorsOf(above), above];
}

describeWithSandbox("two machines", () => {
  const stage = useStage();

  /** An agent that sees nothing of /tmp but what is its own, with its own place for work and its own cache. */
  async function machine({ name, accepts, pool, ca, isOfNobody }: Machine): Promise<Program> {
    const { scene, server } = stage;
    const own = join(scene.directory, name);
    await mkdir(own);
    const tokenFile = join(own, "token");
    await writeFile(tokenFile, (await server.api.token(pool)).secret, { mode: 0o600 });
    for (const path of isOfNobody ? [own, tokenFile] : []) await chown(path, nobody, nobody);
    const user = isOfNobody ? ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"] : [];
    const checkout = dirname(dirname(programPath("windlass-agent")));
    const mounts = [
      // With processes of its own, all of which end with it.
      ...["--unshare-pid", "--dev-bind", "/", "/", "--proc", "/proc", "--tmpfs", "/tmp", "--chmod", "1777", "/tmp"],
      ...["--perms", "0755", "--dir", scene.directory, "--bind", own, own, "--ro-bind", ca, ca],
      // It may lie below /tmp itself, and what leads there would be root's alone.
      ...ancestorsOf(checkout).flatMap((path) => (path.startsWith("/tmp/") ? ["--perms", "0755", "--dir", path] : [])),
      ...["--ro-bind", checkout, checkout],
    ];
    const agent = [
      ...[programPath("windlass-agent"), "--address", server.url, "--token-file", tokenFile, "--name", name],
      ...["--data-dir", join(own, "data"), "--accept", accepts, "--sandbox", "none", "--log-format", "json"],
      ...["--pass-env", "SSL_CERT_FILE", "--sandbox-paths", nodeDirectory, "--no-engine-download"],
      ...["--min-free-disk", "1MiB", "--disk-reserve", "1MiB"],
    ];
    const args = [...mounts, "--die-with-parent", "--", ...user, ...agent];
    const program = startProgram({ name, command: "bwrap", args, env: { SSL_CERT_FILE: ca, HOME: own } });
    scene.defer(async () => void (await program.stop("SIGTERM")));
    await program.says(/waiting for (the )?next job/);
    return program;
  }

  test("plan on the one, apply on the other, with what the plan made, and a provider cache each", async () => {
    const { scene, server } = stage;
    const { api } = server;
    const registry = await ProviderRegistry.open();
    scene.defer(() => registry[Symbol.asyncDispose]());
    const source = `${registry.host}/acme/fake`;
    registry.publish(await providerPackage({ source }));
    const pool = await api.pool();
    const ca = await registry.writeCa(scene.directory);
    const common = { pool, ca };
    await machine({ ...common, name: "planner", accepts: "plan", isOfNobody: false });
    await machine({ ...common, name: "applier", accepts: "apply", isOfNobody: isRoot });
    const workspace = await api.workspace({ agentPool: pool });
    const configuration = join(scene.directory, "configuration");
    await mkdir(join(configuration, "site"), { recursive: true });
    await writeFile(join(configuration, "main.tf"), main(source));
    const zips: number[] = [];
    for (const content of ["one", "two and more"]) {
      await writeFile(join(configuration, "site", "index.html"), content);
      await api.upload(workspace, configuration);
      const run = await api.applied(workspace);
      expect(run, await api.wholeLog(run.id)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
      expect([run.plan?.agentName, run.apply?.agentName]).toEqual(["planner", "applier"]);
      expect((await api.log(run.id, RunPhase.PLAN)).text).toMatch(/goes with it to the apply: build\/site\.zip/);
      zips.push(registry.count("zip"));
    }
    expect(zips).toEqual([2, 2]);
    for (const name of ["planner", "applier"])
      expect(await readdir(join(scene.directory, name, "data", "providers"))).toHaveLength(1);
  });
});
