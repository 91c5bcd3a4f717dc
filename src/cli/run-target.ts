import { create } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { type Run, RunSchema, RunState } from "../gen/windlass/v1/run_pb.ts";
import { RunService } from "../gen/windlass/v1/run_service_pb.ts";
import { isId } from "../lib/ids.ts";
import { one } from "./command.ts";
import type { Context } from "./context.ts";
import { CliError, usageError } from "./problem.ts";

export type Runs = Client<typeof RunService>;

/** The positional of every command about one run. */
export const runTarget = one("RUN", "its id; or a workspace, or @latest: the newest run there");

/** The positional of commands that decide about a plan. */
export const plannedTarget = one("RUN", "its id; or a workspace: its run that waits for a decision");

/** The positional of commands that follow a run. */
export const liveTarget = one("RUN", "its id; or a workspace: the run that holds it, else the newest one");

/** Which run a workspace stands for: the newest, one that waits for a person, or one that is not over. */
type Wanted = "newest" | "planned" | "live";

const latest = /^(.*?)@latest$/;

/** The run that `RUN` names: an id, `WS`, `WS@latest` or `@latest` (of the whole organization). */
export async function findRun(context: Context, target: string, wanted: Wanted = "newest"): Promise<Run> {
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
  const asked = latest.exec(target);
  const found = asked === null ? await waitingRun(context, target, wanted) : undefined;
  return found ?? newestRun(context, client, asked?.[1] ?? target);
}

/** The run of a workspace that waits for a person; among those that are not over, else the oldest that does not queue. */
async function waitingRun(context: Context, workspace: string, wanted: Wanted): Promise<Run | undefined> {
  if (wanted === "newest") return undefined;
  const client = await context.client(RunService);
  const { runs } = await client.listRuns({
    organization: await context.organization(),
    workspace,
    pageSize: 200,
    active: true,
  });
  const planned = runs.find(({ state }) => state === RunState.PLANNED);
  if (planned !== undefined || wanted === "planned") return planned;
  return runs.findLast(({ state }) => state !== RunState.PENDING) ?? runs.at(-1);
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
