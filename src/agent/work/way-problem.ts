import { Code, ConnectError } from "@connectrpc/connect";
import { failureText, foreignText } from "../../lib/way/own-answer.ts";
import { isWindlassError } from "../../lib/words/errors.ts";
import { persist } from "../contract/patience.ts";
import { type AgentJob, idsOf } from "../jobs/job.ts";
import { isRefused, mayPass } from "../transfers/artifacts.ts";
import { type JobContext, patienceOf } from "./services.ts";

/** What an agent does for a job over the network, as it follows "cannot". */
export type JobCall =
  | "deliver the plan"
  | "deliver the summary of the plan"
  | "deliver the state"
  | "fetch the variables"
  | "fetch the outputs of other workspaces"
  | "ask where providers come from"
  | "download what it needs";

/** A connection that breaks now and then is no problem: what fails this many times in a row is. */
const worthTelling = 3;

/** What nobody answered for half a minute is no connection that broke now and then. */
const isSilence = (error: unknown): boolean =>
  isWindlassError(error, "storage_unavailable") ||
  (error instanceof ConnectError && error.code === Code.DeadlineExceeded);

/**
 * What stands in the way of one thing that is done for a job. People see it, in the agent's log and on the run, as long
 * as it lasts: at once if something else than Windlass answers, or nobody does; else when it has failed three times in
 * a row.
 */
export class WayProblem {
  readonly #job: AgentJob;
  readonly #log: JobContext["log"];
  readonly #what: JobCall;
  #failures = 0;
  #told = "";
  #last: unknown;

  constructor(job: AgentJob, { log }: Pick<JobContext, "log">, what: JobCall) {
    this.#job = job;
    this.#log = log;
    this.#what = what;
  }

  /** With what it failed last; undefined if it did not, or has succeeded since. */
  get last(): unknown {
    return this.#last;
  }

  /** It has failed, and is tried again. */
  met(error: unknown): void {
    this.#failures++;
    this.#last = error;
    const isTold = isSilence(error) || foreignText(error) !== undefined || this.#failures >= worthTelling;
    if (!isTold) return;
    const reason = failureText(error);
    if (reason === this.#told) return;
    this.#told = reason;
    this.#log.warn({ ...idsOf(this.#job), reason }, `cannot ${this.#what}: trying again`);
    this.#job.noteWayProblem(this.#what, `cannot ${this.#what}: ${reason}`);
  }

  /** It has succeeded, or is not tried any more. */
  over(): void {
    this.#failures = 0;
    this.#last = undefined;
    if (this.#told === "") return;
    this.#told = "";
    this.#log.info(idsOf(this.#job), `what stood in the way is gone: ${this.#what}`);
    this.#job.noteWayProblem(this.#what, "");
  }
}

/**
 * Makes a call for a job until it succeeds; people see what stands in its way. Throws what Windlass itself refuses for
 * good, of a job that nobody waits for also what it may refuse for now; and the signal's reason.
 */
export async function callForJob<T>(
  call: () => Promise<T>,
  {
    job,
    context,
    what,
  }: { readonly job: AgentJob; readonly context: Pick<JobContext, "clock" | "random" | "log">; readonly what: JobCall },
  signal: AbortSignal,
): Promise<T> {
  const problem = new WayProblem(job, context, what);
  const isWorthIt = (error: unknown) => mayPass(error) && !(job.gone.aborted && isRefused(error));
  const patience = { ...patienceOf(context, isWorthIt), onRetry: (error: unknown) => problem.met(error) };
  try {
    return await persist(call, patience, signal);
  } finally {
    problem.over();
  }
}
