import * as z from "zod";
import { anyValue, documentIn, fieldsOf } from "../../lib/json/shapes.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { type AttributeChange, attributeChanges, wholeChange } from "../../lib/words/plan-attributes.ts";
import { type DocumentPart, type Excerpt, excerpt, maxSummaryBytes, shortText } from "./limits.ts";

const actions = [
  "no-op",
  "create",
  "read",
  "update",
  "delete",
  "delete-then-create",
  "create-then-delete",
  "forget",
  "forget-then-create",
  "create-then-forget",
  "other",
] as const;

const changeShape = {
  action: z.enum(actions).catch("other"),
  before: anyValue.optional(),
  after: anyValue.optional(),
  afterUnknown: anyValue.optional(),
};
const changeSchema = fieldsOf(changeShape);

/** An attribute as agents tell it now. Older ones uploaded both sides of a change, from which it is told here. */
const attributeSchema = fieldsOf({
  path: z.string().default(""),
  beforeJson: z.string().default(""),
  afterJson: z.string().default(""),
  isUnknown: z.boolean().default(false),
  isSensitive: z.boolean().default(false),
  forcesReplacement: z.boolean().default(false),
});

const resourceSchema = fieldsOf({
  ...changeShape,
  address: z.string(),
  previousAddress: z.string().default(""),
  module: z.string().default(""),
  type: z.string().default(""),
  name: z.string().default(""),
  provider: z.string().default(""),
  reason: z.string().default(""),
  replacePaths: anyValue.optional(),
  importing: z.string().default(""),
  attributes: z.array(attributeSchema).optional(),
});

const partShape = {
  isComplete: z.boolean().default(true),
  resources: z.array(resourceSchema).default([]),
  drift: z.array(resourceSchema).default([]),
  outputs: z.array(fieldsOf({ ...changeShape, name: z.string(), change: attributeSchema.optional() })).default([]),
};

/** A summary as it is kept: parts as they came. One of an older agent is a single part, at the top. */
const summarySchema = fieldsOf({
  terraformVersion: z.string().default(""),
  problem: z.string().default(""),
  ...partShape,
  parts: z.array(fieldsOf(partShape)).default([]),
});

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** A part of a summary as it is kept, as JSON; what is empty is left out. */
export interface StoredPart {
  readonly isComplete?: false | undefined;
  readonly resources?: readonly StoredResource[] | undefined;
  readonly drift?: readonly StoredResource[] | undefined;
  readonly outputs?: readonly StoredOutput[] | undefined;
}

export interface StoredResource
  extends Optional<Omit<SummaryResource, "address" | "action" | "importId" | "attributes">> {
  readonly address: string;
  readonly action: PlanActionName;
  readonly importing?: string | undefined;
  readonly attributes: readonly Optional<AttributeChange>[];
}

export interface StoredOutput {
  readonly name: string;
  readonly action: PlanActionName;
  readonly change: Optional<AttributeChange>;
}

/** What happens to an object, in terraform's words; a replacement tells its order. */
export type PlanActionName = (typeof actions)[number];

export interface SummaryResource {
  readonly address: string;
  readonly previousAddress: string;
  readonly module: string;
  readonly type: string;
  readonly name: string;
  readonly provider: string;
  readonly action: PlanActionName;
  readonly reason: string;
  readonly importId: string;
  readonly attributes: readonly SummaryValueChange[];
  /** How many more there are. */
  readonly attributesLeftOut: number;
}

/** A change of a value, whose values are left out if they are too long. */
export interface SummaryValueChange extends AttributeChange {
  readonly isTooLong: boolean;
}

export interface SummaryOutput {
  readonly name: string;
  readonly action: PlanActionName;
  readonly change: SummaryValueChange;
}

/** What a plan would change, or has found changed. */
export type SummaryChange =
  | { readonly kind: "change" | "drift"; readonly resource: SummaryResource }
  | { readonly kind: "output"; readonly output: SummaryOutput };

/** What a summary says of a plan: a part of its changes, then of its drift, then of its outputs. */
export interface PlanContents {
  readonly engineVersion: string;
  readonly isComplete: boolean;
  readonly changes: Excerpt<SummaryChange>;
}

/** Why a summary cannot be shown; empty if it can. */
export function planProblem(bytes: Uint8Array): string {
  if (bytes.length > maxSummaryBytes) return `it has ${bytes.length} bytes, and ${maxSummaryBytes} are shown`;
  const parsed = summarySchema.safeParse(documentIn(bytes));
  return parsed.success ? "" : "it has not the shape of a summary";
}

/** What stands in the place of a summary that cannot be shown. */
export const unshownSummary = (problem: string): Uint8Array => Buffer.from(JSON.stringify({ problem }));

/** Reads a part of a summary. */
export function planContents(bytes: Uint8Array, runId: string, part: DocumentPart): PlanContents {
  const parsed = summarySchema.safeParse(documentIn(bytes));
  if (!parsed.success) throw notShown(runId, "its summary has not the shape of one");
  const { terraformVersion, problem, parts: more, ...first } = parsed.data;
  if (problem !== "") throw notShown(runId, `of its summary: ${problem}`);
  const parts = [first, ...more];
  const rows = [
    ...parts.flatMap(({ resources }) => resources.map((one) => rowOf("change", one))),
    ...parts.flatMap(({ drift }) => drift.map((one) => rowOf("drift", one))),
    ...parts.flatMap(({ outputs }) =>
      outputs.map((one) => () => ({ kind: "output", output: plannedOutput(one) }) as const),
    ),
  ];
  return {
    engineVersion: terraformVersion,
    isComplete: parts.every(({ isComplete }) => isComplete),
    changes: excerpt<() => SummaryChange, SummaryChange>(rows, part, (show) => show()),
  };
}

/** What the attributes of one resource, or the values of one output, may take as JSON. */
const maxChangeBytes = 512 * 1024;

const bytesIn = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** The attributes that there is room for; values that are too long for it are left out before attributes are. */
function withinRoom(all: readonly AttributeChange[]): Pick<SummaryResource, "attributes" | "attributesLeftOut"> {
  const attributes: SummaryValueChange[] = [];
  let left = maxChangeBytes;
  for (const one of all) {
    const shown = shownChange(one, left);
    left -= bytesIn(shown);
    if (left < 0) break;
    attributes.push(shown);
  }
  return { attributes, attributesLeftOut: all.length - attributes.length };
}

function shownChange(change: AttributeChange, room: number): SummaryValueChange {
  const shown = { ...change, path: shortText(change.path) };
  if (bytesIn(shown) <= room) return { ...shown, isTooLong: false };
  return { ...shown, beforeJson: "", afterJson: "", isTooLong: true };
}

const notShown = (runId: string, why: string): WindlassError =>
  new WindlassError("not_found", `the plan of run ${runId} cannot be shown because ${why}. Its log shows it`, {
    metadata: { resource: "plan", name: runId },
  });

const rowOf = (kind: "change" | "drift", shown: z.infer<typeof resourceSchema>) => (): SummaryChange => ({
  kind,
  resource: plannedResource(shown),
});

const plannedResource = (shown: z.infer<typeof resourceSchema>): SummaryResource => {
  const { address, previousAddress, module, type, name, provider, action, reason, importing } = shown;
  return {
    address: shortText(address),
    previousAddress: shortText(previousAddress),
    module: shortText(module),
    type: shortText(type),
    name: shortText(name),
    provider: shortText(provider),
    reason: shortText(reason),
    action,
    importId: shortText(importing),
    ...withinRoom(shown.attributes ?? attributeChanges(valuesOf(shown), shown.replacePaths)),
  };
};

const plannedOutput = (shown: z.infer<typeof partShape.outputs>[number]): SummaryOutput => ({
  name: shortText(shown.name),
  action: shown.action,
  change: shownChange(shown.change ?? wholeChange(valuesOf(shown)), maxChangeBytes),
});

const valuesOf = ({ before, after, afterUnknown: unknown }: Omit<z.infer<typeof changeSchema>, "action">) => ({
  before,
  after,
  unknown,
});
