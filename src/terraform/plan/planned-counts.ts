import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { extractAllFromPlan } from "./file.ts";
import type { PlanAction } from "./shape.ts";

/**
 * Fields of the messages in `tfplan`. Source: terraform's planproto/planfile.proto, which OpenTofu kept; a plan of another
 * version of it is not read.
 */
const plan = { version: 1, resourceChanges: 3, mode: 17, drift: 18, deferred: 27, deferredActions: 31 } as const;
const unsure: ReadonlySet<number> = new Set([plan.drift, plan.deferred, plan.deferredActions]);
const knownVersion = 3;
const normalMode = 0;
const destroyMode = 1;
const resource = { address: 13, previousAddress: 14, change: 9 } as const;
const change = { action: 1, importing: 5 } as const;

/** The action of a change, by its number. What is replaced or forgotten in parts has no common number. */
const actions: ReadonlyMap<number, PlanAction> = new Map([
  [0, "no-op"],
  [1, "create"],
  [2, "read"],
  [3, "update"],
  [5, "delete"],
  [6, "delete-then-create"],
  [7, "create-then-delete"],
]);

export interface PlannedCounts {
  readonly add: number;
  readonly change: number;
  readonly destroy: number;
  readonly import: number;
  readonly move: number;
}

/** Of a plan of this size all that it would say of itself is read in little time and memory. */
const maxBytes = 16 * 1024 * 1024;

/**
 * What a plan would do, counted as its summary counts it, out of the plan file alone. Undefined of what only its document tells for
 * sure: drift, what is put off or forgotten, plans that are encrypted, large, or in another form; and of one that holds, or knows of
 * the state before, any of these texts.
 */
export async function plannedCounts(planFile: string, texts: readonly string[]): Promise<PlannedCounts | undefined> {
  try {
    const members = await extractAllFromPlan(planFile, ["tfplan", "tfstate"]);
    const [planned, state] = [members.get("tfplan"), members.get("tfstate")];
    if (planned === undefined || state === undefined || planned.length + state.length > maxBytes) return undefined;
    const isTold = (text: string) => planned.includes(text) || state.includes(JSON.stringify(text).slice(1, -1));
    return texts.some(isTold) ? undefined : countsIn(planned);
  } catch {
    return undefined;
  }
}

function countsIn(message: Uint8Array): PlannedCounts | undefined {
  const counts = { add: 0, change: 0, destroy: 0, import: 0, move: 0 };
  const reader = new BinaryReader(message);
  let version = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (unsure.has(field)) return undefined;
    if (field === plan.version && type === WireType.Varint) version = Number(reader.uint64());
    else if (field === plan.mode && type === WireType.Varint) {
      const mode = Number(reader.uint64());
      if (mode !== normalMode && mode !== destroyMode) return undefined;
    } else if (field === plan.resourceChanges && type === WireType.LengthDelimited) {
      if (!add(counts, resourceIn(reader.bytes()))) return undefined;
    } else reader.skip(type, field);
  }
  return version === knownVersion ? counts : undefined;
}

interface PlannedResource {
  readonly address: string;
  readonly isMoved: boolean;
  readonly isImported: boolean;
  readonly action: PlanAction | undefined;
}

/** False for what is not counted here. */
function add(counts: { -readonly [K in keyof PlannedCounts]: number }, one: PlannedResource): boolean {
  const { action } = one;
  // That data is forgotten is shown to nobody.
  if (action === undefined || (action === "delete" && /(?:^|\.)data\./.test(one.address))) return false;
  const isReplaced = action === "delete-then-create" || action === "create-then-delete";
  if (isReplaced || action === "create") counts.add += 1;
  if (isReplaced || action === "delete") counts.destroy += 1;
  if (action === "update") counts.change += 1;
  if (one.isImported) counts.import += 1;
  if (one.isMoved) counts.move += 1;
  return true;
}

function resourceIn(message: Uint8Array): PlannedResource {
  const reader = new BinaryReader(message);
  let [address, isMoved] = ["", false];
  let found: Pick<PlannedResource, "action" | "isImported"> = { action: "no-op", isImported: false };
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === resource.address) address = reader.string();
    else if (field === resource.previousAddress) isMoved = reader.string() !== "";
    else if (field === resource.change) found = changeIn(reader.bytes());
    else reader.skip(type, field);
  }
  return { address, isMoved, ...found };
}

/** A field that is not written is 0: nothing happens. */
function changeIn(message: Uint8Array): Pick<PlannedResource, "action" | "isImported"> {
  const reader = new BinaryReader(message);
  let [action, isImported] = [0, false];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === change.action) action = reader.int32();
    else {
      isImported ||= field === change.importing;
      reader.skip(type, field);
    }
  }
  return { action: actions.get(action), isImported };
}
