import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { Run } from "../../gen/windlass/v1/run_pb.ts";
import { abortable } from "../../lib/async/abort.ts";
import type { ReasonName } from "../problems/hints.ts";
import type { Context } from "../server/context.ts";
import { askDecision } from "../shared/prompts.ts";
import { isWorthRetrying } from "./link.ts";
import { decisionHints } from "./outcome.ts";
import type { Runs } from "./target.ts";
import { plannedText } from "./view.ts";

interface Deciding {
  readonly context: Context;
  readonly client: Runs;
  /** Leave at once instead of waiting for somebody else's decision. */
  readonly noWait: boolean;
}

/**
 * Gets a plan decided: at once with `--yes`, by the person at the terminal, else by whoever runs `windlass run confirm`
 * or `discard`. `left` if it is to be left waiting, as every saved plan is.
 */
export async function decide(deciding: Deciding, run: Run, signal: AbortSignal): Promise<"decided" | "left"> {
  const { context, client, noWait } = deciding;
  if (run.options?.savePlan === true) return "left";
  if (context.globals.yes === true && run.apply !== undefined) return giveUp(deciding, run);
  if (context.globals.yes === true) return confirmPlan(deciding, run, signal);
  if (noWait) return "left";
  if (!context.isInteractive) return waitForSomebody(context, run, signal);
  const destroys = run.options?.destroy === true ? run.workspace : undefined;
  const question = questionOf(run);
  const answer = await askDecision(context, { question, destroys }, signal);
  if (answer === "yes") return confirmPlan(deciding, run, signal);
  if (answer === "no") await client.discardRun({ runId: run.id });
  return answer === "later" ? "left" : "decided";
}

/**
 * The apply of a plan that nobody looked at did not start: as with an automatic one, the workspace is free for another
 * run.
 */
async function giveUp({ client }: Deciding, run: Run): Promise<"decided"> {
  await client.discardRun({ runId: run.id, comment: "its apply did not start, and --yes confirms a plan once" });
  return "decided";
}
/** The apply of a refresh-only plan changes nothing but what is recorded. */
const questionOf = (run: Run): string => {
  const denied = run.deniedBy === "" ? "" : `The hook ${run.deniedBy} has denied this plan. `;
  return run.options?.refreshOnly === true
    ? `${denied}${run.workspace}: ${plannedText(run)}: accept?`
    : `${denied}Apply these changes to ${run.workspace}? (${plannedText(run)})`;
};

async function waitForSomebody(context: Context, run: Run, signal: AbortSignal): Promise<"decided"> {
  const who = run.deniedBy === "" ? "somebody decides" : `an owner confirms what the hook ${run.deniedBy} has denied`;
  context.notes.progress(`${run.id} waits until ${who}:`);
  context.notes.next(decisionHints(context, run));
  const forever = new Promise<never>(() => {});
  await abortable(forever, signal).catch(() => {});
  context.io.signal.throwIfAborted();
  return "decided";
}

const againMs = 1_000;

/** Confirms exactly the plan that was shown. That somebody else was faster is no error. */
async function confirmPlan({ context, client }: Deciding, run: Run, signal: AbortSignal): Promise<"decided"> {
  for (;;) {
    try {
      await client.confirmRun({ runId: run.id, planSha256: run.planSha256 });
      return "decided";
    } catch (error) {
      if (isAlreadyDecided(error)) return "decided";
      if (!isWorthRetrying(error, false)) throw error;
    }
    await context.io.clock.sleep(againMs, signal).catch(() => {});
    context.io.signal.throwIfAborted();
    if (signal.aborted) return "decided";
  }
}

const decidedReason: ReasonName = "RUN_NOT_CONFIRMABLE";

const isAlreadyDecided = (error: unknown): boolean =>
  error instanceof ConnectError && error.findDetails(ErrorInfoSchema).some(({ reason }) => reason === decidedReason);
