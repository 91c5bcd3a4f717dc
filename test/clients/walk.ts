import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { Program } from "../support/programs.ts";
import type { TestServer } from "../support/scene.ts";
import { loadServices, type Message, PlainClient } from "./plain-grpc.ts";
import type { PrivateServer } from "./private-server.ts";
import { protoFiles } from "./proto-files.ts";
import type { Place } from "./recipe.ts";

const services = loadServices(protoFiles());

/** Programs in other languages start slowly on a busy machine. */
const startsWithinMs = 90_000;

/** An example and what it is to be tried with. */
export interface Walk {
  readonly at: PrivateServer;
  readonly place: Place;
  /** Starts the program with these arguments. */
  readonly start: (args: readonly string[]) => Program;
}

/**
 * Walks the whole way with an example while the server is stopped and started under it: from the pool to the applied run,
 * with an agent that starts late. Answers what the example said, without the states that a slow reader may miss.
 */
export async function walk({ at, place, start }: Walk): Promise<readonly string[]> {
  using admin = await adminOf(at);
  for (const name of ["a", "b", "c", "d"]) await admin.call("AgentPoolService/CreateAgentPool", { name });

  const program = start([await configurationIn(place)]);
  await program.says(/is RUN_STATE_PLAN_QUEUED/, startsWithinMs);
  await restart(at.server, program, "SIGTERM");
  const secret = await readFile(join(place.folder, "agent.token"), "utf8");
  await at.scene.agent(at.server, { pool: "walk", token: secret, args: ["--ca-file", at.caFile] });
  expect(await program.ended, program.stderr()).toMatchObject({ code: 0 });
  expect(program.stderr()).toContain("SERVER_DRAINING");

  await expectLog(place, "plan.log", await admin.log(runOf(program), "RUN_PHASE_PLAN"), "Здравствуй, мир");
  await expectLog(place, "apply.log", await admin.log(runOf(program), "RUN_PHASE_APPLY"), "Привет, применение");
  return linesOf(program).filter((line) => !/ is RUN_STATE_(PLANNING|CONFIRMED|APPLY_QUEUED|APPLYING)$/.test(line));
}

/**
 * Plays the calls that do not go well, with a program that has a run nobody plans: the server is killed while it
 * watches, and then the run is canceled. Answers what the program said.
 */
export async function edges({ at, place, start }: Walk): Promise<readonly string[]> {
  using admin = await adminOf(at);
  const program = start([await configurationIn(place)]);
  await program.says(/is RUN_STATE_PLAN_QUEUED/, startsWithinMs);
  await restart(at.server, program, "SIGKILL");
  await admin.call("RunService/CancelRun", { runId: runOf(program) });
  expect(await program.ended, program.stderr()).toMatchObject({ code: 0 });
  return linesOf(program);
}

/** Stops the server, waits until the program has seen that, and starts it again. */
async function restart(server: TestServer, program: Program, signal: NodeJS.Signals): Promise<void> {
  await server.stop(signal);
  await program.says(/the server is away, asking again: /);
  await server.start();
}

const runOf = (program: Program): string => /run_\w+/.exec(program.stdout())?.[0] ?? "";

const linesOf = (program: Program): readonly string[] =>
  program.stdout().trimEnd().replaceAll(runOf(program), "RUN").split("\n");

/** A folder with 5 MB that cannot be packed, and texts that are not ASCII in both logs. */
async function configurationIn({ folder }: Place): Promise<string> {
  await mkdir(join(folder, "configuration"), { recursive: true });
  await writeFile(join(folder, "configuration/ballast.bin"), randomBytes(5_000_000));
  await writeFile(join(folder, "configuration/main.tf"), configuration);
  return "configuration";
}

const configuration = `
resource "terraform_data" "greeting" {
  input = "Здравствуй, мир"
  provisioner "local-exec" {
    command = "echo Привет, применение"
  }
}
`;

async function expectLog({ folder }: Place, file: string, log: Buffer, text: string): Promise<void> {
  const kept = await readFile(join(folder, file));
  expect(kept.equals(log), `${file} is the log byte for byte`).toBe(true);
  expect(kept.toString("utf8")).toContain(text);
}

async function adminOf({ server, ca }: PrivateServer) {
  const client = new PlainClient({ url: server.url, services, ca });
  const token = (await readFile(server.adminTokenFile, "utf8")).trim();
  return {
    call: (rpc: string, request: Message) => client.unary({ rpc: `windlass.v1.${rpc}`, token }, request),
    log: async (runId: string, phase: string): Promise<Buffer> => {
      const call = { rpc: "windlass.v1.RunService/StreamRunLogs", token };
      const pieces = await Array.fromAsync(client.download(call, { runId, phase, follow: true }));
      return Buffer.concat(pieces.map(({ chunk }) => chunk as Uint8Array));
    },
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}
