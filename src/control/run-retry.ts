import { allows, type Person, type Principal } from "../domain/principal.ts";
import { isFinal, type Run, type RunSource, statusText } from "../domain/run.ts";
import { WindlassError } from "../lib/errors.ts";
import type { Queries } from "../store/ports.ts";
import { asPerson, demand, findRun, findWorkspace } from "./access.ts";
import { change } from "./change.ts";
import type { Control } from "./control.ts";
import { once } from "./requests.ts";
import { demandRunRoom } from "./run-quota.ts";
import { type RunView, viewRun } from "./run-view.ts";
import { insertRun, refuseLocal, refuseOptions } from "./runs.ts";

/** Which run to repeat. */
export interface Retry {
  readonly id: string;
  /** Empty repeats the run's own. */
  readonly message: string;
  /** Empty: not repeated. */
  readonly requestId: string;
  readonly source: RunSource;
}

/** Creates a run with the configuration, options, targets and variables of one that has ended. */
export async function retryRun(control: Control, who: Principal, asked: Retry): Promise<RunView> {
  const person = asPerson(who);
  const run = await change(control, async (tx, at) => {
    const found = await findRetryable(tx, person, asked.id);
    const create = async (): Promise<Run> => {
      const workspace = await findWorkspace(tx, person, { organization: "", name: found.workspaceId });
      refuseLocal(workspace);
      refuseOptions(workspace, found.options);
      await demandRunRoom(control, tx, workspace);
      const { configurationId, options } = found;
      const urgency = allows(person, "operate") || found.urgency > 0 ? found.urgency : 1;
      const message = asked.message === "" ? found.message : asked.message;
      const wish = { configurationId, options, message, urgency, source: asked.source, retryOf: found.id };
      return insertRun(tx, at, { ...wish, person, workspace });
    };
    const { requestId, ...body } = asked;
    return once(tx, { at: at.now, person, requestId, method: "RetryRun", body }, create, (id) =>
      findRun(tx, person, id),
    );
  });
  return control.store.read((q) => viewRun(control, q, run));
}

async function findRetryable(tx: Queries, person: Person, id: string): Promise<Run> {
  const found = await findRun(tx, person, id);
  demand(person, found.options.isPlanOnly ? "plan" : "operate");
  if (isFinal(found.status)) return found;
  throw new WindlassError(
    "run_not_retryable",
    `run ${found.id} is ${statusText(found.status)}: only a run that has ended can be retried. Wait for its end, or cancel it`,
    { metadata: { run_id: found.id, state: found.status } },
  );
}
