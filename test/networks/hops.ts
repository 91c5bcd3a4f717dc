import { join } from "node:path";
import { expect } from "vitest";
import { AgentStatus } from "../../src/gen/windlass/v1/agent_pb.ts";
import type { Program } from "../support/programs.ts";
import type { Stage } from "../support/stage.ts";
import type { Way } from "./front.ts";
import { startStranger } from "./traveller.ts";

/**
 * Behind a proxy that speaks HTTP/1.1 to the server an agent says so, is not shown as one that could take a job, and
 * its doctor says the same.
 */
export async function expectHttp1Named(stage: Stage, way: Way): Promise<void> {
  const { server } = stage;
  const { name, program } = await startStranger(stage, way);
  await program.says(/HTTP\/1\.1[^\n]*HTTP\/2/);
  const { agents } = await server.api.clients.agents.listAgents({ includeExited: true });
  expect(agents.find((agent) => agent.name === name)?.status).not.toBe(AgentStatus.IDLE);
  const doctor = startAgentDoctor(stage, way, name);
  expect((await doctor.ended).code).toBe(1);
  expect(doctor.stdout() + doctor.stderr()).toMatch(/HTTP\/1\.1/);
}

/** Starts the doctor of an agent of this name. */
export function startAgentDoctor({ scene }: Stage, { url, env, within }: Way, name: string): Program {
  const files = [
    "--token-file",
    join(scene.directory, `${name}.token`),
    "--data-dir",
    join(scene.directory, `${name}-2`),
  ];
  const call = ["doctor", "--address", url, ...files, "--sandbox", "none", "--no-engine-download"];
  return scene.start("windlass-agent", call, env, within);
}

/** An agent and a client that do not get through, and the doctors of both, each say why; the client is gone then. */
export async function expectEverybodySays(stage: Stage, way: Way, why: RegExp): Promise<void> {
  const { scene, server } = stage;
  const { name, program } = await startStranger(stage, way);
  const clientEnv = { WINDLASS_ADDRESS: way.url, WINDLASS_TOKEN_FILE: server.adminTokenFile, ...way.env };
  const client = (...args: readonly string[]) => scene.start("windlass", args, clientEnv, way.within);
  const ending = [client("pool", "list"), client("doctor"), startAgentDoctor(stage, way, name)];
  await program.says(why);
  expect(program.isRunning).toBe(true);
  for (const one of ending) {
    expect((await one.ended).code, one.name).not.toBe(0);
    expect(one.stderr() + one.stdout()).toMatch(why);
  }
}

/** An agent that does not get through says why, tries on, and writes nothing into its log but JSON. */
export async function expectSaid(stage: Stage, way: Way, why: RegExp, deadlineMs = 30_000): Promise<void> {
  const { program } = await startStranger(stage, way);
  await program.says(why, deadlineMs);
  expect(program.isRunning).toBe(true);
  const lines = `${program.stdout()}${program.stderr()}`.split("\n").filter((line) => line !== "");
  expect(lines.filter((line) => !line.startsWith("{"))).toEqual([]);
}
