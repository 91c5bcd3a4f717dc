import { create } from "@bufbuild/protobuf";
import { PlanAction, type PlanSummary, PlanSummarySchema, type ResourceChange } from "../gen/windlass/v1/run_pb.ts";
import { RunService } from "../gen/windlass/v1/run_service_pb.ts";
import { command } from "./command.ts";
import { choiceList } from "./flags.ts";
import { planLines } from "./plan-tree.ts";
import { findRun, runTarget } from "./run-target.ts";
import { runName } from "./run-view.ts";
import { colors, hasColor } from "./terminal.ts";

const kinds = ["create", "update", "replace", "destroy", "move", "import", "read", "forget", "drift"] as const;
type Kind = (typeof kinds)[number];

export const plan = command({
  name: "plan",
  summary: "Print what a run's plan would change: what it destroys and replaces first",
  examples: [
    "windlass run plan network",
    "windlass run plan run_… --only destroy,replace",
    "windlass run plan run_… -o json",
  ],
  positionals: { run: runTarget },
  flags: { only: choiceList("only changes of these kinds; without outputs", kinds) },
  run: async (context, { args, flags }) => {
    const client = await context.client(RunService);
    const run = await findRun(context, args.run);
    const answer = await client.getRunPlan({ runId: run.id });
    const whole = answer.plan ?? create(PlanSummarySchema);
    const message = flags.only.length === 0 ? whole : narrowed(whole, new Set(flags.only));
    const { io, globals } = context;
    const lines = planLines(message, colors(hasColor(io.stdout, io.environment, globals.noColor === true)));
    await context.printer.resource({ schema: PlanSummarySchema, message, name: runName(run), lines });
    return undefined;
  },
});

/** The plan with the changes of these kinds only; its counts stay those of the whole. */
function narrowed(plan: PlanSummary, wanted: ReadonlySet<Kind>): PlanSummary {
  return create(PlanSummarySchema, {
    engineVersion: plan.engineVersion,
    ...(plan.counts === undefined ? {} : { counts: plan.counts }),
    incomplete: plan.incomplete,
    resourceChanges: plan.resourceChanges.filter((change) => kindsOf(change).some((kind) => wanted.has(kind))),
    resourceDrift: wanted.has("drift") ? plan.resourceDrift : [],
  });
}

const actionKinds = new Map<PlanAction, Kind>([
  [PlanAction.CREATE, "create"],
  [PlanAction.READ, "read"],
  [PlanAction.UPDATE, "update"],
  [PlanAction.REPLACE, "replace"],
  [PlanAction.REPLACE_CREATE_FIRST, "replace"],
  [PlanAction.DESTROY, "destroy"],
  [PlanAction.FORGET, "forget"],
]);

/** What a change of a resource is: its action, and a move or an import beside it. */
function kindsOf({ action, previousAddress, importId }: ResourceChange): readonly Kind[] {
  const kind = actionKinds.get(action);
  return [
    ...(kind === undefined ? [] : [kind]),
    ...(previousAddress === "" ? [] : (["move"] as const)),
    ...(importId === "" ? [] : (["import"] as const)),
  ];
}
