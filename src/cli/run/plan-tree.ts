import {
  type AttributeChange,
  type OutputChange,
  PlanAction,
  type PlanSummary,
  type ResourceChange,
  type Run,
} from "../../gen/windlass/v1/run_pb.ts";
import { lookUp } from "../../lib/values/records.ts";
import { outsideOf } from "../../lib/words/change-words.ts";
import { type Style as Color, joined, painted, red, styled, type Text } from "../terminal/painted.ts";
import { reasonText } from "./plan-reasons.ts";
import { plannedText } from "./view.ts";

type KnownAction = (typeof PlanAction)[keyof typeof PlanAction];

interface Style {
  readonly symbol: string;
  readonly color: Color | undefined;
  /** What comes first destroys. */
  readonly order: number;
}

const styles: Readonly<Record<KnownAction, Style>> = {
  [PlanAction.DESTROY]: { symbol: "-", color: "red", order: 0 },
  [PlanAction.REPLACE]: { symbol: "-/+", color: "red", order: 1 },
  [PlanAction.REPLACE_CREATE_FIRST]: { symbol: "+/-", color: "red", order: 1 },
  [PlanAction.FORGET_THEN_CREATE]: { symbol: "./+", color: "red", order: 2 },
  [PlanAction.CREATE_THEN_FORGET]: { symbol: "+/.", color: "red", order: 2 },
  [PlanAction.FORGET]: { symbol: ".", color: "red", order: 2 },
  [PlanAction.UPDATE]: { symbol: "~", color: "yellow", order: 3 },
  [PlanAction.CREATE]: { symbol: "+", color: "green", order: 4 },
  [PlanAction.READ]: { symbol: "<=", color: "cyan", order: 5 },
  [PlanAction.NO_OP]: { symbol: " ", color: undefined, order: 6 },
  [PlanAction.UNSPECIFIED]: { symbol: "?", color: undefined, order: 7 },
};

const styleOf = (action: PlanAction): Style => lookUp(styles, action) ?? styles[PlanAction.UNSPECIFIED];

type PlannedRun = Pick<Run, "options" | "engine" | "hasChanges">;

/** A plan for a person: what it destroys and replaces first, each resource with its attributes, the counts at the end. */
export function planLines(plan: PlanSummary, run: Partial<PlannedRun> = {}): readonly Text[] {
  const { resourceChanges, resourceDrift, outputChanges, counts, incomplete } = plan;
  const drift = resourceDrift.length === 0 ? [] : [`Changed outside of ${outsideOf(run)}:`, ...tree(resourceDrift), ""];
  const changes = tree(resourceChanges);
  const outputs = outputChanges.map(outputLine);
  const { options, engine = "", hasChanges = true } = run;
  const total = plannedText({ plannedChanges: counts, options, engine, hasChanges });
  return [
    ...drift,
    ...(changes.length === 0 ? [] : [...changes, ""]),
    ...(outputs.length === 0 ? [] : ["Outputs:", ...outputs, ""]),
    ...(incomplete ? ["This plan is not complete: another one is needed after it.", ""] : []),
    `Plan: ${total === "" ? "no changes" : total}`,
  ];
}

const tree = (changes: readonly ResourceChange[]): readonly Text[] =>
  changes
    .toSorted((a, b) => styleOf(a.action).order - styleOf(b.action).order)
    .flatMap((change) => [headLine(change), ...attributeLines(change.attributes)]);

function headLine(change: ResourceChange): Text {
  const { action, address, previousAddress, importId } = change;
  const { symbol, color } = styleOf(action);
  const notes = [
    previousAddress === "" ? "" : `moved from ${previousAddress}`,
    importId === "" ? "" : `imported from ${importId}`,
    reasonText(change),
  ].filter((note) => note !== "");
  const head = painted(color, `${symbol.padStart(3)} ${address}`);
  return joined([head, notes.length === 0 ? "" : ` (${notes.join(", ")})`]);
}

const maxPathWidth = 32;

function attributeLines(attributes: readonly AttributeChange[]): readonly Text[] {
  const width = Math.min(maxPathWidth, Math.max(0, ...attributes.map(({ path }) => path.length)));
  return attributes.map((change) => {
    const forces = change.forcesReplacement ? red("  # forces replacement") : "";
    return styled`      ${change.path.padEnd(width)} = ${valuesText(change)}${forces}`;
  });
}

function outputLine({ name, action, change }: OutputChange): Text {
  const { symbol, color } = styleOf(action);
  return styled`${painted(color, `${symbol.padStart(3)} ${name}`)} = ${change === undefined ? "" : valuesText(change)}`;
}

const writeOnly = "(write-only attribute)";

/** `"old" -> "new"`, or the only side that there is. */
function valuesText({ beforeJson, afterJson, unknown, sensitive }: AttributeChange): string {
  if (sensitive) return afterJson === JSON.stringify(writeOnly) ? writeOnly : "(sensitive)";
  const after = unknown ? "(known after apply)" : shown(afterJson);
  if (beforeJson === "") return after === "" ? "null" : after;
  return `${shown(beforeJson)} -> ${after === "" ? "null" : after}`;
}

const maxValueCharacters = 200;

const shown = (json: string): string =>
  json.length > maxValueCharacters ? `${json.slice(0, maxValueCharacters)}…` : json;
