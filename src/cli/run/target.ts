import { create } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { type Run, RunSchema, RunState } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { isId } from "../../lib/words/ids.ts";
import { CliError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { one } from "../shared/command.ts";
import { factsOf, isUnresolved } from "./states.ts";

export type Runs = Client<typeof RunService>;

/** The positional of every command about one run. */
export const runTarget = one("RUN", "its id; or a workspace, or @latest: the newest run there");

/** The positional of commands that decide about a plan. */
export const plannedTarget = one("RUN", "its id; or a workspace: its run that waits for a decision");

/** The positional of commands that follow a run. */
export const liveTarget = one("RUN", "its id; or a workspace: the run that holds it, else the newest one");

/**
 * Which run a workspace stands for: the newest, one that waits for a person, one that is not over if there is one, only
 * such a one, or a lost one that holds it.
 */
type Wanted = "newest" | "planned" | "live" | "open" | "unresolved";

const latest = /^(.*?)@latest$/;

/** The run that `RUN` names: an id, `WS`, `WS@latest` or `@latest` (of the whole organization). */
export async function findRun(context: Context, target: string, wanted: Wanted = "newest"): Promise<Run> {
  const client = await context.client(RunService);
  if (isId("run", target)) return wholeRun(client, target);
  if (target.startsWith("run_")) {
    const more = target.length < "run_0000".length ? ": give at least four characters after run_" : "";
    throw new CliError("notFound", `there is no run whose id begins with "${target}"${more}`, {
      metadata: { resource: "run", name: target },
      hints: [{ label: "See them", command: context.command("run list") }],
    });
  }
  const asked = latest.exec(target);
  const found = asked === null ? await waitingRun(context, target, wanted) : undefined;
  const { id } = found ?? (await newestRun(context, client, asked?.[1] ?? target));
  const run = await wholeRun(client, id);
  if (wanted === "open" && asked === null && found === undefined) throw nothingOpen(context, target, run);
  return run;
}

/** Lists leave out what can be large, and what only one who looks at the run needs. */
async function wholeRun(client: Runs, runId: string): Promise<Run> {
  const { run } = await client.getRun({ runId });
  return run ?? create(RunSchema);
}

/** The run of a workspace that waits for a person; among those that are not over, else the oldest that does not queue. */
async function waitingRun(context: Context, workspace: string, wanted: Wanted): Promise<Run | undefined> {
  if (wanted === "newest") return undefined;
  const client = await context.client(RunService);
  const scope = { organization: await context.organization(), workspace, pageSize: 200 };
  if (wanted === "unresolved")
    return (await client.listRuns({ ...scope, needsDecision: true })).runs.find(isUnresolved);
  const { runs } = await client.listRuns({ ...scope, active: true });
  const planned = runs.find(({ state }) => state === RunState.PLANNED);
  if (planned !== undefined || wanted === "planned") return planned;
  return runs.findLast(({ state }) => state !== RunState.PENDING) ?? runs.at(-1);
}

const nothingOpen = (context: Context, workspace: string, { id, state }: Run): CliError =>
  new CliError(
    "conflict",
    `every run of workspace ${workspace} has ended: the newest, ${id}, is ${factsOf(state).text}`,
    {
      code: "FAILED_PRECONDITION",
      reason: "RUN_NOT_CANCELABLE",
      metadata: { run_id: id, workspace },
      hints: [{ label: "See them", command: context.command(`run list -w ${workspace}`) }],
    },
  );

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
