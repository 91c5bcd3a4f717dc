import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { VariableCategory } from "../../src/gen/windlass/v1/variable_pb.ts";
import { FakeEngine, type FakePlan, secret, writeFakeConfiguration } from "../faults/fake-plan.ts";
import { freshName } from "../support/api.ts";
import type { Program } from "../support/programs.ts";
import type { CliAnswer, Scene, TestAgent, TestServer } from "../support/scene.ts";
import type { Way } from "./front.ts";

/** A workspace whose runs the fake terraform executes. */
export interface TravelPlace {
  readonly workspace: string;
  readonly directory: string;
}

/** An agent and a client that reach the server on a way. */
export interface Traveller {
  readonly scene: Scene;
  /** As the server itself is reached. */
  readonly server: TestServer;
  readonly way: Way;
  readonly agent: TestAgent;
  readonly engine: FakeEngine;
  place(plan: FakePlan): Promise<TravelPlace>;
  /** Starts `windlass` on the way. */
  startCli(...args: readonly string[]): Program;
  /** Runs it to its end. */
  cli(...args: readonly string[]): Promise<CliAnswer>;
}

export interface TravelOptions {
  /** That of the client; the agent's if absent. */
  readonly clientWay?: Way;
  readonly agentArgs?: readonly string[];
  /** Of the agent alone. */
  readonly agentEnv?: Readonly<Record<string, string>>;
}

/** Starts an agent on a way, and waits until it is connected. */
export async function openTraveller(
  { scene, server }: { readonly scene: Scene; readonly server: TestServer },
  way: Way,
  { agentArgs = [], agentEnv = {}, clientWay = way }: TravelOptions = {},
): Promise<Traveller> {
  const { api } = server;
  const engine = await FakeEngine.install(join(scene.directory, freshName("engine")));
  const pool = await api.pool();
  const agent = await scene.agent(
    { ...server, url: way.url, api },
    {
      pool,
      args: ["--engine-path", engine.path, ...agentArgs],
      env: { ...way.env, ...agentEnv },
      within: way.within,
    },
  );
  const place = async (plan: FakePlan): Promise<TravelPlace> => {
    const workspace = await api.workspace({ agentPool: pool });
    const directory = join(scene.directory, `${workspace}-configuration`);
    await writeFakeConfiguration(directory, plan);
    await api.set(workspace, [{ key: "SECRET", value: secret, sensitive: true, category: VariableCategory.ENV }]);
    return { workspace, directory };
  };
  const startCli = (...args: readonly string[]) =>
    scene.start("windlass", args, clientEnv(scene, server, clientWay), clientWay.within);
  const cli = async (...args: readonly string[]): Promise<CliAnswer> => {
    const program = startCli(...args);
    return { ...(await program.ended), stdout: program.stdout(), stderr: program.stderr() };
  };
  return { scene, server, way, agent, engine, place, startCli, cli };
}

const clientEnv = ({ directory }: Scene, { adminTokenFile }: TestServer, { url, env }: Way) => ({
  WINDLASS_ADDRESS: url,
  WINDLASS_TOKEN_FILE: adminTokenFile,
  WINDLASS_CONFIG: join(directory, "config.yaml"),
  ...env,
});

/** An agent that may never be connected. */
export interface Stranger {
  readonly name: string;
  readonly program: Program;
}

/** Starts an agent on a way on which it may not get through. */
export async function startStranger(
  { scene, server }: { readonly scene: Scene; readonly server: TestServer },
  { url, env, within }: Way,
): Promise<Stranger> {
  const name = freshName("agent");
  const tokenFile = join(scene.directory, `${name}.token`);
  await writeFile(tokenFile, (await server.api.token(await server.api.pool())).secret, { mode: 0o600 });
  const call = [
    ...["--address", url, "--token-file", tokenFile, "--name", name, "--data-dir", join(scene.directory, name)],
    ...["--log-format", "json", "--sandbox", "none", "--no-engine-download"],
  ];
  return { name, program: scene.start("windlass-agent", call, env, within) };
}
