import {
  type AttributeChange,
  type OutputChange,
  PlanAction,
  type PlanSummary,
  type ResourceChange,
} from "../gen/windlass/v1/run_pb.ts";
import { changesText } from "./run-view.ts";
import { safeText } from "./table.ts";
import type { Colors } from "./terminal.ts";

type KnownAction = (typeof PlanAction)[keyof typeof PlanAction];
type Paint = (colors: Colors) => (text: string) => string;

interface Style {
  readonly symbol: string;
  readonly paint: Paint;
  /** What comes first destroys. */
  readonly order: number;
}

const plain: Paint = () => (text) => text;
const styles: Readonly<Record<KnownAction, Style>> = {
  [PlanAction.DESTROY]: { symbol: "-", paint: ({ red }) => red, order: 0 },
  [PlanAction.REPLACE]: { symbol: "-/+", paint: ({ red }) => red, order: 1 },
  [PlanAction.REPLACE_CREATE_FIRST]: { symbol: "+/-", paint: ({ red }) => red, order: 1 },
  [PlanAction.FORGET]: { symbol: ".", paint: ({ red }) => red, order: 2 },
  [PlanAction.UPDATE]: { symbol: "~", paint: ({ yellow }) => yellow, order: 3 },
  [PlanAction.CREATE]: { symbol: "+", paint: ({ green }) => green, order: 4 },
  [PlanAction.READ]: { symbol: "<=", paint: ({ cyan }) => cyan, order: 5 },
  [PlanAction.NO_OP]: { symbol: " ", paint: plain, order: 6 },
  [PlanAction.UNSPECIFIED]: { symbol: "?", paint: plain, order: 7 },
};

const styleOf = (action: PlanAction): Style => styles[action as KnownAction] ?? styles[PlanAction.UNSPECIFIED];

/** A plan for a person: what it destroys and replaces first, each resource with its attributes, the counts at the end. */
export function planLines(plan: PlanSummary, colors: Colors): readonly string[] {
  const { resourceChanges, resourceDrift, outputChanges, counts, incomplete } = plan;
  const drift = resourceDrift.length === 0 ? [] : ["Changed outside of terraform:", ...tree(resourceDrift, colors), ""];
  const changes = tree(resourceChanges, colors);
  const outputs = outputChanges.map((change) => outputLine(change, colors));
  const total = changesText(counts);
  return [
    ...drift,
    ...(changes.length === 0 ? [] : [...changes, ""]),
    ...(outputs.length === 0 ? [] : ["Outputs:", ...outputs, ""]),
    ...(incomplete ? ["This plan is not complete: another one is needed after it.", ""] : []),
    `Plan: ${total === "" ? "no changes" : total}`,
  ];
}

const tree = (changes: readonly ResourceChange[], colors: Colors): readonly string[] =>
  changes
    .toSorted((a, b) => styleOf(a.action).order - styleOf(b.action).order)
    .flatMap((change) => [headLine(change, colors), ...attributeLines(change.attributes, colors)]);

function headLine(
  { action, address, actionReason, previousAddress, importId }: ResourceChange,
  colors: Colors,
): string {
  const { symbol, paint } = styleOf(action);
  const notes = [
    previousAddress === "" ? "" : `moved from ${previousAddress}`,
    importId === "" ? "" : `imported from ${importId}`,
    reasonText(actionReason),
  ].filter((note) => note !== "");
  const head = `${symbol.padStart(3)} ${safeText(address)}`;
  return `${paint(colors)(head)}${notes.length === 0 ? "" : ` (${safeText(notes.join(", "))})`}`;
}

const reasons: Readonly<Record<string, string>> = {
  replace_because_tainted: "it is tainted",
  replace_because_cannot_update: "cannot be updated in place",
  replace_by_request: "as asked for",
  replace_by_triggers: "a trigger changed",
  delete_because_no_resource_config: "no longer in the configuration",
  delete_because_no_module: "its module is no longer in the configuration",
  delete_because_wrong_repetition: "count or for_each came or went",
  delete_because_count_index: "count is lower",
  delete_because_each_key: "for_each has no such key any more",
  delete_because_no_move_target: "moved to where nothing is configured",
};

const reasonText = (reason: string): string => reasons[reason] ?? reason.replaceAll("_", " ");

const maxPathWidth = 32;

function attributeLines(attributes: readonly AttributeChange[], colors: Colors): readonly string[] {
  const width = Math.min(maxPathWidth, Math.max(0, ...attributes.map(({ path }) => path.length)));
  return attributes.map((change) => {
    const forces = change.forcesReplacement ? colors.red("  # forces replacement") : "";
    return `      ${safeText(change.path).padEnd(width)} = ${valuesText(change)}${forces}`;
  });
}

function outputLine({ name, action, change }: OutputChange, colors: Colors): string {
  const { symbol, paint } = styleOf(action);
  return `${paint(colors)(`${symbol.padStart(3)} ${safeText(name)}`)} = ${change === undefined ? "" : valuesText(change)}`;
}

/** `"old" -> "new"`, or the only side that there is. */
function valuesText({ beforeJson, afterJson, unknown, sensitive }: AttributeChange): string {
  if (sensitive) return "(sensitive)";
  const after = unknown ? "(known after apply)" : shown(afterJson);
  if (beforeJson === "") return after === "" ? "null" : after;
  return `${shown(beforeJson)} -> ${after === "" ? "null" : after}`;
}

const maxValueCharacters = 200;

const shown = (json: string): string =>
  safeText(json.length > maxValueCharacters ? `${json.slice(0, maxValueCharacters)}…` : json);
