import { RunState, RunStateSchema } from "../../src/gen/windlass/v1/run_pb.ts";
import { type Api, isFinal } from "../../test/support/api.ts";

const good: readonly RunState[] = [RunState.APPLIED, RunState.PLANNED_AND_FINISHED];

/** Resolves when the run is over and well; fails with its error and log otherwise. */
export async function wholeRun(api: Api, runId: string): Promise<void> {
  for await (const { run } of api.clients.runs.watchRun({ runId })) {
    if (run === undefined || !isFinal(run)) continue;
    if (good.includes(run.state)) return;
    const state = RunStateSchema.value[run.state]?.localName;
    throw new Error(`run ${runId} is ${state}: ${run.errorMessage}\n${await api.wholeLog(runId)}`);
  }
  throw new Error(`nobody tells how run ${runId} ends`);
}
