import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { CreateRunRequestSchema } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { packDirectory } from "../../../src/lib/archive/pack.ts";
import type { TestServer } from "../../../test/support/scene.ts";
import { type Called, type CallsMade, call } from "./callers.ts";

export const hello = fileURLToPath(new URL("../../../test/fixtures/terraform/hello", import.meta.url));

export const createRunPath = "/windlass.v1.RunService/CreateRun";

/** Workspaces of a pool with a configuration each; answers their names. */
export async function workspacesOf({ api }: TestServer, agentPool: string, count: number): Promise<readonly string[]> {
  await using packed = await packDirectory(hello, { maxBytes: 2 ** 20 });
  const archive = await readFile(packed.file);
  const names: string[] = [];
  for (let number = 0; number < count; number++) {
    const name = await api.workspace({ agentPool });
    await api.uploadArchive(name, archive);
    names.push(name);
  }
  return names;
}

/** Who asks for what in a server of the benchmark. */
export async function calledOf({ url, program, adminTokenFile }: TestServer): Promise<Called> {
  return { url, pid: program.pid, token: (await readFile(adminTokenFile, "utf8")).trim() };
}

/** The calls that create plan-only runs, each in the next workspace. */
export const createRunBodies = (workspaces: readonly string[]): readonly Uint8Array[] =>
  workspaces.map((workspace) =>
    toBinary(CreateRunRequestSchema, create(CreateRunRequestSchema, { workspace, options: { planOnly: true } })),
  );

/** Creates runs from processes of their own, at least so many; answers how many, with those that warmed the callers up. */
export async function createRuns(
  server: TestServer,
  workspaces: readonly string[],
  { count, atOnce }: { readonly count: number; readonly atOnce: number },
): Promise<CallsMade & { readonly created: number }> {
  const bodies = createRunBodies(workspaces);
  const made = await call(await calledOf(server), { path: createRunPath, bodies, atOnce, calls: count });
  return { ...made, created: made.calls + made.callers };
}
