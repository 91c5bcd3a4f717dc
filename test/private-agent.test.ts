import { chmod, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { programPath, startProgram } from "./support/programs.ts";
import { useStage } from "./support/stage.ts";

const stage = useStage();

const main = `
resource "terraform_data" "look" {
  provisioner "local-exec" {
    command = "echo mask $(umask); echo descriptors $(ls /proc/$$/fd)"
  }
}
`;

/** Files directly in a data directory, and below it where no job writes, that others may read. */
async function readableByOthers(dataDir: string): Promise<readonly string[]> {
  const names = await readdir(dataDir);
  const modes = await Promise.all(names.map(async (name) => (await stat(join(dataDir, name))).mode & 0o077));
  return names.filter((_name, at) => modes[at] !== 0);
}

test("an agent started with umask 000, an open descriptor and a readable token keeps its files to itself, and says so", async () => {
  const { api, url } = stage.server;
  const { directory } = stage.scene;
  const pool = await api.pool();
  const tokenFile = join(directory, "readable-token");
  await writeFile(tokenFile, (await api.token(pool)).secret);
  await chmod(tokenFile, 0o644);
  const dataDir = join(directory, "private-agent");
  const flags = ["--address", url, "--token-file", tokenFile, "--data-dir", dataDir, "--sandbox", "none"];
  const more = ["--log-format", "json", "--min-free-disk", "1MiB", "--disk-reserve", "1MiB", "--no-engine-download"];
  const call = ['umask 0000; exec 9</etc/passwd; exec "$@"', "sh", programPath("windlass-agent")];
  await using agent = startProgram({
    ...{ name: "windlass-agent", command: "/bin/sh", args: ["-c", ...call, ...flags, ...more] },
    env: { HOME: directory },
  });
  await agent.says(/waiting for (the )?next job/);
  expect(agent.stderr()).toMatch(/"level":"warn".*everybody may read the agent token.*chmod 600/);
  const workspace = await api.workspace({ agentPool: pool });
  const upload = join(directory, "private-upload");
  await mkdir(upload);
  await writeFile(join(upload, "main.tf"), main);
  await api.upload(workspace, upload);
  const run = await api.applied(workspace);
  expect(run).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
  const { text } = await api.log(run.id, RunPhase.APPLY);
  expect(text).toContain("(local-exec): mask 0000\n");
  expect(text).toMatch(/\(local-exec\): descriptors 0 1 2\b/);
  expect(text).not.toMatch(/descriptors .*\b9\b/);
  expect(await readableByOthers(dataDir)).toEqual([]);
  const doctor = stage.scene.start("windlass-agent", ["doctor", ...flags, "--log-format", "json"]);
  await doctor.ended;
  const checks: readonly { readonly id: string; readonly status: string }[] = JSON.parse(doctor.stdout());
  expect(checks.find(({ id }) => id === "token-file")).toMatchObject({ status: "fail" });
});
