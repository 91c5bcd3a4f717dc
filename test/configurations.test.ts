import { beforeAll, describe, expect, test } from "vitest";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { refusalOf } from "./support/api.ts";
import { useStage } from "./support/stage.ts";
import { type TarEntry, tarGz } from "./support/tar.ts";

const main: TarEntry = { path: "main.tf", content: 'output "x" {\n  value = 1\n}\n' };

const hostile: readonly (readonly [name: string, archive: () => Uint8Array, entry: string])[] = [
  ["a name that leaves the directory", () => tarGz([main, { path: "../evil.tf" }]), "../evil.tf"],
  ["a name that leaves it on the way", () => tarGz([main, { path: "a/../../evil.tf" }]), "a/../../evil.tf"],
  ["an absolute name", () => tarGz([main, { path: "/etc/cron.d/evil" }]), "/etc/cron.d/evil"],
  [
    "a link that escapes",
    () => tarGz([main, { path: "link", type: "SymbolicLink", target: "../../../etc/passwd" }]),
    "link",
  ],
  ["an absolute link", () => tarGz([main, { path: "link", type: "SymbolicLink", target: "/etc/passwd" }]), "link"],
  ["a hard link", () => tarGz([main, { path: "hard", type: "Link", target: "../outside" }]), "hard"],
  ["a device", () => tarGz([main, { path: "device", type: "CharacterDevice" }]), "device"],
  ["a pipe", () => tarGz([main, { path: "pipe", type: "FIFO" }]), "pipe"],
  ["a size bomb", () => tarGz([main, { path: "zeros", content: Buffer.alloc(64 * 1024 * 1024) }]), ""],
  ["no archive at all", () => Buffer.from("resource {}".repeat(100)), ""],
  ["an archive that is cut off", () => tarGz([main]).subarray(0, 60), ""],
];

describe("configurations", () => {
  const stage = useStage();
  let pool = "";

  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, sandbox: "auto" });
  });

  test("a working directory may use modules beside it", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool, workingDirectory: "app" });
    await api.upload(workspace, await stage.scene.configuration("modules"));
    const planned = await api.planned(workspace);
    expect(planned.state).toBe(RunState.PLANNED);
    await api.confirm(planned.id);
    expect(await api.ended(planned.id)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    const outputs = await api.outputs(workspace);
    expect(Object.keys(outputs.services as object).sort()).toEqual(["billing", "mail", "web"]);
    expect((await api.ended(await api.start(workspace))).hasChanges).toBe(false);
  });

  test.each(hostile)("an upload with %s is refused", async (_, archive, entry) => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    const refusal = await refusalOf(api.uploadArchive(workspace, archive()));
    expect(refusal).toMatchObject({ reason: "ARCHIVE_REJECTED", code: "InvalidArgument" });
    if (entry !== "") expect(refusal.message).toContain(entry);
    expect((await api.clients.configurations.listConfigurations({ workspace })).configurationVersions).toEqual([]);
  });
});
