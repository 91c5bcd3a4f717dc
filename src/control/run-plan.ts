import * as z from "zod";
import { type AttributeChange, attributeChanges, wholeChange } from "../domain/plan-attributes.ts";
import type { Principal } from "../domain/principal.ts";
import type { ChangeCounts, Run } from "../domain/run.ts";
import { WindlassError } from "../lib/errors.ts";
import { asPerson, demand, findRun } from "./access.ts";
import { openBlob } from "./artifacts.ts";
import type { Control } from "./control.ts";

const actions = [
  "no-op",
  "create",
  "read",
  "update",
  "delete",
  "delete-then-create",
  "create-then-delete",
  "forget",
  "other",
] as const;

const changeSchema = z.looseObject({
  action: z.enum(actions).catch("other"),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
  afterUnknown: z.unknown().optional(),
});

const resourceSchema = changeSchema.extend({
  address: z.string(),
  previousAddress: z.string().default(""),
  module: z.string().default(""),
  type: z.string().default(""),
  name: z.string().default(""),
  provider: z.string().default(""),
  reason: z.string().default(""),
  replacePaths: z.unknown().optional(),
  importing: z.string().default(""),
});

/** What an agent uploads of a plan: see `summarizePlan` of the agent. */
const summarySchema = z.looseObject({
  terraformVersion: z.string().default(""),
  isComplete: z.boolean().default(true),
  resources: z.array(resourceSchema).default([]),
  drift: z.array(resourceSchema).default([]),
  outputs: z.array(changeSchema.extend({ name: z.string() })).default([]),
});

/** What happens to an object, in terraform's words; a replacement tells its order. */
export type PlanActionName = (typeof actions)[number];

export interface PlannedResource {
  readonly address: string;
  readonly previousAddress: string;
  readonly module: string;
  readonly type: string;
  readonly name: string;
  readonly provider: string;
  readonly action: PlanActionName;
  readonly reason: string;
  readonly importId: string;
  readonly attributes: readonly AttributeChange[];
}

export interface PlannedOutput {
  readonly name: string;
  readonly action: PlanActionName;
  readonly change: AttributeChange;
}

/** What a plan would change, without any secret. */
export interface RunPlan {
  readonly engineVersion: string;
  readonly counts: ChangeCounts;
  readonly resources: readonly PlannedResource[];
  readonly drift: readonly PlannedResource[];
  readonly outputs: readonly PlannedOutput[];
  readonly isComplete: boolean;
}

/** What the plan of a run would change, as its agent has masked it. */
export async function getRunPlan(control: Control, who: Principal, id: string): Promise<RunPlan> {
  const person = asPerson(who);
  demand(person, "read");
  const run = await control.store.read((q) => findRun(q, person, id));
  const { plannedChanges: counts, summaryBlobKey } = run;
  if (counts === null || summaryBlobKey === null) throw noPlan(run);
  const bytes = await openBlob(control, summaryBlobKey, `plan-summary/${run.id}`);
  const summary = summarySchema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  return {
    engineVersion: summary.terraformVersion,
    counts,
    resources: summary.resources.map(plannedResource),
    drift: summary.drift.map(plannedResource),
    outputs: summary.outputs.map(({ name, action, ...sides }) => ({
      name,
      action,
      change: wholeChange(valuesOf(sides)),
    })),
    isComplete: summary.isComplete,
  };
}

const plannedResource = (shown: z.infer<typeof resourceSchema>): PlannedResource => {
  const { address, previousAddress, module, type, name, provider, action, reason, importing: importId } = shown;
  const attributes = attributeChanges(valuesOf(shown), shown.replacePaths);
  return { address, previousAddress, module, type, name, provider, action, reason, importId, attributes };
};

const valuesOf = ({ before, after, afterUnknown: unknown }: Omit<z.infer<typeof changeSchema>, "action">) => ({
  before,
  after,
  unknown,
});

function noPlan({ id, status }: Run): WindlassError {
  return new WindlassError("not_found", `run ${id} is ${status} and has no finished plan to show`, {
    metadata: { resource: "plan", name: id },
  });
}
