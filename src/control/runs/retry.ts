import { allows, type Person, type Principal } from "../../domain/people/principal.ts";
import { isFinal, type Run, type RunSource, statusText } from "../../domain/runs/run.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findRun, findWorkspace } from "../core/access.ts";
import { changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { once } from "../core/requests.ts";
import { chosenConfiguration } from "./chosen-configuration.ts";
import { demandRunRoom } from "./quota.ts";
import { insertRun, refuseLocal, refuseOptions } from "./runs.ts";
import { type RunView, viewRun } from "./view.ts";

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
  const run = await changeAbout(control, asked.id, async (tx, at) => {
    const found = await findRetryable(tx, person, asked.id);
    const create = async (): Promise<Run> => {
      const workspace = await findWorkspace(tx, person, { organization: "", name: found.workspaceId });
      refuseLocal(workspace);
      refuseOptions(workspace, found.options);
      await demandRunRoom(control, tx, workspace);
      const { configurationId, options } = found;
      await chosenConfiguration(tx, workspace, found);
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
