import { create } from "@bufbuild/protobuf";
import { PlanAction, type PlanSummary, PlanSummarySchema, type ResourceChange } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { choiceList } from "../line/flags.ts";
import { command } from "../shared/command.ts";
import { everyRow } from "../shared/lists.ts";
import { planLines } from "./plan-tree.ts";
import { findRun, runTarget } from "./target.ts";
import { runName } from "./view.ts";

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
    const parts = await everyRow(
      (page) => client.getRunPlan({ runId: run.id, ...page }),
      ({ plan: part }) => (part === undefined ? [] : [part]),
    );
    const whole = joined(parts);
    const message = flags.only.length === 0 ? whole : narrowed(whole, new Set(flags.only));
    const lines = planLines(message, run);
    await context.printer.resource({ schema: PlanSummarySchema, message, name: runName(run), lines });
    return undefined;
  },
});

/** What all pages say. */
function joined(parts: readonly PlanSummary[]): PlanSummary {
  const whole = create(PlanSummarySchema, parts[0]);
  whole.resourceChanges = parts.flatMap(({ resourceChanges }) => resourceChanges);
  whole.resourceDrift = parts.flatMap(({ resourceDrift }) => resourceDrift);
  whole.outputChanges = parts.flatMap(({ outputChanges }) => outputChanges);
  return whole;
}

/** The plan with the changes of these kinds only; its counts stay those of the whole. */
function narrowed(plan: PlanSummary, wanted: ReadonlySet<Kind>): PlanSummary {
  return create(PlanSummarySchema, {
    engineVersion: plan.engineVersion,
    counts: plan.counts,
    incomplete: plan.incomplete,
    resourceChanges: plan.resourceChanges.filter((change) => kindsOf(change).some((kind) => wanted.has(kind))),
    resourceDrift: wanted.has("drift") ? plan.resourceDrift : [],
  });
}

const actionKinds = new Map<PlanAction, readonly Kind[]>([
  [PlanAction.CREATE, ["create"]],
  [PlanAction.READ, ["read"]],
  [PlanAction.UPDATE, ["update"]],
  [PlanAction.REPLACE, ["replace"]],
  [PlanAction.REPLACE_CREATE_FIRST, ["replace"]],
  [PlanAction.DESTROY, ["destroy"]],
  [PlanAction.FORGET, ["forget"]],
  [PlanAction.FORGET_THEN_CREATE, ["forget", "replace"]],
  [PlanAction.CREATE_THEN_FORGET, ["forget", "replace"]],
]);

/** What a change of a resource is: its action, and a move or an import beside it. */
function kindsOf({ action, previousAddress, importId }: ResourceChange): readonly Kind[] {
  return [
    ...(actionKinds.get(action) ?? []),
    ...(previousAddress === "" ? [] : (["move"] as const)),
    ...(importId === "" ? [] : (["import"] as const)),
  ];
}
