import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { extractFromPlan } from "./file.ts";

/** What a saved plan imports; `id` is empty for an object that is named in another way. */
export type PlannedImports = ReadonlyArray<{ readonly address: string; readonly id: string }>;

/** Numbers of fields in `tfplan`. Source: terraform's planproto/planfile.proto; OpenTofu kept them. */
const fields = { resourceChanges: 3, address: 13, change: 9, importing: 5, id: 1 } as const;

/** What the plan imports: the events of an apply do not tell it. Empty when the plan cannot be read. */
export async function plannedImports(planFile: string): Promise<PlannedImports> {
  try {
    const plan = (await extractFromPlan(planFile, "tfplan")) ?? new Uint8Array();
    return [...messagesIn(plan, fields.resourceChanges)].flatMap(importOf);
  } catch {
    // The program itself says best what is wrong with a plan.
    return [];
  }
}

function importOf(resourceChange: Uint8Array): PlannedImports {
  const [change] = messagesIn(resourceChange, fields.change);
  const [importing] = change === undefined ? [] : messagesIn(change, fields.importing);
  const [address] = messagesIn(resourceChange, fields.address);
  if (importing === undefined || address === undefined) return [];
  const [id = new Uint8Array()] = messagesIn(importing, fields.id);
  return [{ address: textOf(address), id: textOf(id) }];
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

/** The bytes of each field with this number: messages and strings alike. */
function* messagesIn(message: Uint8Array, wanted: number): Generator<Uint8Array, undefined> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === wanted && type === WireType.LengthDelimited) yield reader.bytes();
    else reader.skip(type, field);
  }
}
