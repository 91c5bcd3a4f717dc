import { expect } from "vitest";
import { AgentStatus } from "../../src/gen/windlass/v1/agent_pb.ts";
import type { Stage } from "../support/stage.ts";
import type { Way } from "./front.ts";
import { startStranger } from "./traveller.ts";

/**
 * Behind a proxy that speaks HTTP/1.1 to the server an agent says so, is not shown as one that could take a job, and
 * its doctor says the same.
 */
export async function expectHttp1Named(stage: Stage, way: Way): Promise<void> {
  const { scene, server } = stage;
  const { name, program } = await startStranger(stage, way);
  await program.says(/HTTP\/1\.1[^\n]*HTTP\/2/);
  const { agents } = await server.api.clients.agents.listAgents({ includeExited: true });
  expect(agents.find((agent) => agent.name === name)?.status).not.toBe(AgentStatus.IDLE);
  const tokenFile = `${scene.directory}/${name}.token`;
  const call = [
    "doctor",
    "--address",
    way.url,
    "--token-file",
    tokenFile,
    "--data-dir",
    `${scene.directory}/${name}-2`,
  ];
  const doctor = scene.start("windlass-agent", [...call, "--sandbox", "none"], way.env);
  expect((await doctor.ended).code).toBe(1);
  expect(doctor.stdout() + doctor.stderr()).toMatch(/HTTP\/1\.1/);
}

/** An agent that does not get through says why, tries on, and writes nothing into its log but JSON. */
export async function expectSaid(stage: Stage, way: Way, why: RegExp, deadlineMs = 30_000): Promise<void> {
  const { program } = await startStranger(stage, way);
  await program.says(why, deadlineMs);
  expect(program.isRunning).toBe(true);
  const lines = `${program.stdout()}${program.stderr()}`.split("\n").filter((line) => line !== "");
  expect(lines.filter((line) => !line.startsWith("{"))).toEqual([]);
}
