import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { WaitingReason } from "../src/gen/windlass/v1/run_pb.ts";
import { useStage } from "./support/stage.ts";
import { windlassd, windlassdOf } from "./support/windlassd.ts";

const stage = useStage();

/** A search path on which bubblewrap is there and does not work, as where user namespaces are forbidden. */
async function withoutBubblewrap() {
  const bin = join(stage.scene.directory, "broken-bwrap");
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, "bwrap"), '#!/bin/sh\necho "bwrap: No permissions to create new namespace" >&2\nexit 1\n', {
    mode: 0o755,
  });
  return { PATH: `${bin}:${process.env.PATH}` };
}

const start = async (...sandbox: readonly string[]) =>
  stage.scene.server({
    env: await withoutBubblewrap(),
    serverAgents: 1,
    args: sandbox,
  });

test.each([["auto"], ["bwrap"]])(
  "without bubblewrap and with --sandbox %s there is no server agent, said loudly, and runs say what to do",
  async (wish) => {
    const server = await start("--sandbox", wish);
    expect(server.program.stderr()).toMatch(/"level":"error".*No permissions.*NO SERVER AGENT/);
    const workspace = await server.api.workspace();
    await server.api.upload(workspace, await stage.scene.configuration("hello"));
    const run = await server.api.start(workspace);
    const { waiting } = await server.api.runWhen(
      run,
      "waits for an agent",
      ({ waiting }) => waiting?.reason === WaitingReason.NO_AGENT_ONLINE,
    );
    expect(waiting?.detail).toMatch(/without a server agent.*No permissions.*install bubblewrap.*pool/);
    expect(server.program.stderr()).not.toContain("registered successfully");
  },
);

test("--sandbox none runs a server agent, and its start line names the master key and the admin key", async () => {
  const server = await start("--sandbox", "none");
  await server.program.says(/registered successfully/);
  expect(server.program.stderr()).toMatch(
    /"level":"warn".*master\.key.*admin-token.*WITHOUT A SANDBOX.*master key and the admin key/,
  );
});

test.each([
  ["none", /without a sandbox.*master\.key.*admin-token/],
  ["auto", /without a server agent.*No permissions/],
])("doctor fails for --sandbox %s where bubblewrap does not work", async (wish, detail) => {
  const args = ["doctor", "-o", "json", "--listen", "127.0.0.1:0", "--data-dir", stage.server.dataDir];
  const answer = await windlassd(stage.scene, [...args, "--sandbox", wish], await withoutBubblewrap());
  expect(answer.code).toBe(1);
  expect(JSON.parse(answer.stdout)).toContainEqual(
    expect.objectContaining({ id: "sandbox", status: "fail", detail: expect.stringMatching(detail) }),
  );
});

test("while the admin key lies in the data directory, each start and doctor say so", async () => {
  const { server, scene } = stage;
  const check = async () => {
    const { stdout } = await windlassdOf(scene, server, ["doctor", "-o", "json"]);
    return JSON.parse(stdout).find(({ id }: { readonly id: string }) => id === "admin-key");
  };
  const said = /"level":"warn".*THE ADMIN KEY LIES IN THE DATA DIRECTORY/;
  expect(server.program.stderr()).toMatch(said);
  expect(await check()).toMatchObject({ status: "warn", detail: expect.stringContaining("admin-token") });
  await server.stop("SIGTERM");
  await server.start();
  expect(server.program.stderr()).toMatch(said);
  await server.stop("SIGTERM");
  await rename(server.adminTokenFile, join(scene.directory, "moved-admin-token"));
  await server.start();
  expect(server.program.stderr()).not.toMatch(said);
  expect(await check()).toMatchObject({ status: "ok" });
});
