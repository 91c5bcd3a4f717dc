import { create } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { type Run, RunSchema } from "../gen/windlass/v1/run_pb.ts";
import { RunService } from "../gen/windlass/v1/run_service_pb.ts";
import { isId } from "../lib/ids.ts";
import { one } from "./command.ts";
import type { Context } from "./context.ts";
import { CliError, usageError } from "./problem.ts";

export type Runs = Client<typeof RunService>;

/** The positional of every command about one run. */
export const runTarget = one("RUN", "its id; or a workspace, or @latest: the newest run there");

const latest = /^(.*?)@latest$/;

/** The run that `RUN` names: an id, `WS`, `WS@latest` or `@latest` (of the whole organization). */
export async function findRun(context: Context, target: string): Promise<Run> {
  const client = await context.client(RunService);
  if (isId("run", target)) {
    const { run } = await client.getRun({ runId: target });
    return run ?? create(RunSchema);
  }
  if (target.startsWith("run_")) {
    throw usageError(`"${target}" is not a whole run id: it begins with run_ and has 26 characters more`, [
      { label: "See them", command: context.command("run list") },
    ]);
  }
  return newestRun(context, client, latest.exec(target)?.[1] ?? target);
}

async function newestRun(context: Context, client: Runs, workspace: string): Promise<Run> {
  const { runs } = await client.listRuns({ organization: await context.organization(), workspace, pageSize: 1 });
  const [run] = runs;
  if (run !== undefined) return run;
  const where = workspace === "" ? "here" : `in workspace ${workspace}`;
  throw new CliError("notFound", `there is no run ${where} yet`, {
    metadata: { resource: "run", workspace },
    hints: [{ label: "Start one", command: context.command(`run start ${workspace || "WS"} --dir DIR`) }],
  });
}
