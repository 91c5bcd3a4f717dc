import * as z from "zod";
import { cancelRun, confirmRun, discardRun } from "../../control/runs/decisions.ts";
import { forceExecuteRun } from "../../control/runs/force-execute.ts";
import type { RunId } from "../../lib/words/ids.ts";
import { accepted } from "../core/answers.ts";
import { checked, readJsonBody } from "../core/body.ts";
import { idParam, route, type TfeCall } from "../core/call.ts";

const said = z.object({ comment: z.string().max(1_024).nullish() });

/** What a decision says: `{}`, `{"comment": "…"}`, or nothing at all. */
const commentOf = async (call: TfeCall): Promise<string> =>
  checked(said, (await readJsonBody(call)) ?? {}, "").comment ?? "";

interface Decision {
  readonly id: RunId;
  readonly comment: string;
}

const action = (name: string, decide: (call: TfeCall, decision: Decision) => Promise<unknown>) =>
  route(`POST /runs/:run/actions/${name}`, async (call) => {
    await decide(call, { id: idParam(call, "run", "run"), comment: await commentOf(call) });
    return accepted;
  });

export const runActionRoutes = [
  action("apply", ({ control, who }, decision) => confirmRun(control, who, { ...decision, planSha256: "" })),
  action("discard", ({ control, who }, decision) => discardRun(control, who, decision)),
  action("cancel", ({ control, who }, decision) => cancelRun(control, who, { ...decision, isForced: false })),
  action("force-cancel", ({ control, who }, decision) => cancelRun(control, who, { ...decision, isForced: true })),
  action("force-execute", ({ control, who }, decision) => forceExecuteRun(control, who, decision)),
];
