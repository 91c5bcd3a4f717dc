import { beforeAll } from "vitest";
import type { Run } from "../../src/gen/windlass/v1/run_pb.ts";
import { ExecutionMode } from "../../src/gen/windlass/v1/workspace_pb.ts";
import { hasPostgres } from "../postgres.ts";
import type { Api } from "./api.ts";
import type { ServerOptions } from "./scene.ts";
import { type Stage, useStage } from "./stage.ts";
import { type BackendForm, TerraformCli, type TerraformCliOptions } from "./terraform-cli.ts";

/** Where a workspace's plans and applies happen: at the server, on agents of a pool, or where terraform is called. */
export type Mode = "remote" | "agent" | "local";

/** The engines of storage that are installed here. */
export const storages: readonly NonNullable<ServerOptions["engine"]>[] = hasPostgres
  ? ["sqlite", "postgres"]
  : ["sqlite"];

/** Jobs at once of the server and of the pool's agent: as many as tests run beside each other. */
const concurrency = 5;

/** A server with an agent of its own and one of a pool, and the real terraform as its client. */
export interface TerraformStage extends Stage {
  readonly terraform: TerraformCli;
  readonly api: Api;
  /** Makes a workspace of a mode. */
  workspace(mode: Mode, settings?: Parameters<Api["workspace"]>[0]): Promise<string>;
  /** An initialized directory of a fresh workspace. */
  place(mode: Mode, files: Readonly<Record<string, string>>, form?: BackendForm): Promise<TerraformPlace>;
  /** The same, once applied. */
  applied(mode: Mode, files: Readonly<Record<string, string>>, form?: BackendForm): Promise<TerraformPlace>;
  /** Runs of a workspace, the newest first. */
  runsOf(workspace: string): Promise<readonly Run[]>;
}

/** A workspace, and a directory whose state it keeps. */
export interface TerraformPlace {
  readonly name: string;
  readonly directory: string;
  /** Calls terraform there; it must end well. */
  run(...argv: readonly string[]): Promise<string>;
}

export interface TerraformStageOptions extends ServerOptions, TerraformCliOptions {
  /** What the server and the agent of the pool are told about jobs. */
  readonly jobArgs?: readonly string[];
}

/** Opens it for all tests of a `describe`, which may run beside each other. */
export function useTerraformStage(options: TerraformStageOptions = {}): TerraformStage {
  const { args = [], jobArgs = [], ...server } = options;
  const stage = useStage({ serverAgents: concurrency, ...server, args: [...args, ...jobArgs] });
  let opened: { readonly terraform: TerraformCli; readonly pool: string } | undefined;
  const now = () => {
    if (opened === undefined) throw new Error("the stage is open only while a test runs");
    return { ...opened, api: stage.server.api };
  };
  beforeAll(async () => {
    const pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool, concurrency, ...agentOf(options) });
    opened = { terraform: await TerraformCli.open(stage.scene, stage.server, options), pool };
  });
  const workspace: TerraformStage["workspace"] = (mode, settings = {}) => {
    const { api, pool } = now();
    return api.workspace({ ...(mode === "agent" ? { agentPool: pool } : { executionMode: modes[mode] }), ...settings });
  };
  const place: TerraformStage["place"] = async (mode, files, form) => {
    const { terraform } = now();
    const name = await workspace(mode);
    const directory = await terraform.initialized(name, files, form);
    return { name, directory, run: (...argv) => terraform.run(directory, argv) };
  };
  const applied: TerraformStage["applied"] = async (...wanted) => {
    const made = await place(...wanted);
    await made.run("apply", "-auto-approve");
    return made;
  };
  return {
    ...{ workspace, place, applied },
    runsOf: async (of) => (await now().api.clients.runs.listRuns({ workspace: of })).runs,
    get scene() {
      return stage.scene;
    },
    get server() {
      return stage.server;
    },
    get terraform() {
      return now().terraform;
    },
    get api() {
      return now().api;
    },
  };
}

const modes = { remote: ExecutionMode.REMOTE, local: ExecutionMode.LOCAL } as const;

/** What makes the agent, and terraform in its jobs, know the server's authority. */
const agentOf = ({ caFile, env = {}, jobArgs = [] }: TerraformStageOptions) => ({
  env,
  args: [...jobArgs, ...(caFile === undefined ? [] : ["--ca-file", caFile])],
});
