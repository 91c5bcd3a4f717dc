import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { useStage } from "./support/stage.ts";
import { windlassdOf } from "./support/windlassd.ts";

const stage = useStage({ serverAgents: 1 });

/** The counts that a collection told, by kind. */
const counts = (table: string): Readonly<Record<string, number>> =>
  Object.fromEntries(
    [...table.matchAll(/^([a-z ]+?) {2,}(\d+) /gm)].map(([, kind = "", count]) => [kind, Number(count)]),
  );

async function files(directory: string): Promise<readonly string[]> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

test("what a deleted workspace leaves is told beside the running server, and deleted once it is old and the server stopped", async () => {
  const { scene, server } = stage;
  const { api } = server;
  const keeps = await api.workspace();
  const goes = await api.workspace();
  for (const workspace of [keeps, goes]) {
    await api.upload(workspace, await scene.configuration(workspace === keeps ? "hello" : "variables"));
    const run = await api.planned(workspace, { planOnly: true });
    await api.ended(run.id);
  }
  await api.clients.workspaces.deleteWorkspace({ workspace: goes, force: true });

  const young = await windlassdOf(scene, server, ["gc", "--dry-run"]);
  expect(young, young.stderr).toMatchObject({ code: 0 });
  expect(counts(young.stdout)).toMatchObject({ runs: 0, "orphaned logs": 1, "orphaned objects": 0 });
  const blobs = join(server.dataDir, "blobs");
  const before = await files(blobs);
  const old = new Date(Date.now() - 2 * 3_600_000);
  for (const path of before) await utimes(path, old, old);
  const told = counts((await windlassdOf(scene, server, ["gc", "--dry-run"])).stdout);
  expect(told["orphaned objects"]).toBeGreaterThan(0);
  expect(await files(blobs)).toHaveLength(before.length);

  const refused = await windlassdOf(scene, server, ["gc"]);
  expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining("is in use by process") });
  await server.stop("SIGTERM");
  const done = await windlassdOf(scene, server, ["gc"]);
  expect(done, done.stderr).toMatchObject({ code: 0 });
  expect(counts(done.stdout)).toEqual(told);
  expect(await files(blobs)).toHaveLength(before.length - (told["orphaned objects"] ?? 0));
  expect(Object.values(counts((await windlassdOf(scene, server, ["gc"])).stdout)).every((count) => count === 0)).toBe(
    true,
  );

  await server.start();
  const [kept] = (await api.clients.runs.listRuns({ workspace: keeps })).runs;
  expect(await api.wholeLog(kept?.id ?? "")).toContain("terraform_data.greeting");
  expect(await api.planned(keeps, { planOnly: true })).toMatchObject({ hasChanges: true });
});

test("a retention that would delete what was made just now is refused", async () => {
  const { scene, server } = stage;
  const answer = await windlassdOf(scene, server, ["gc", "--keep-runs", "10m"]);
  expect(answer).toMatchObject({ code: 2, stderr: expect.stringContaining("expected a duration of at least 1h") });
});
