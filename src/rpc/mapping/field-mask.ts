import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { invalid } from "../../control/core/refusals.ts";

/** How each field that may be updated is read; the keys are its paths in update masks. */
export type UpdatableFields<Message, Settings> = Readonly<Record<string, (message: Message) => Partial<Settings>>>;

/** The settings that an update names. Throws `validation` for a path that cannot be updated, and for an empty mask. */
export function fromMask<Message, Settings>(
  mask: FieldMask | undefined,
  message: Message | undefined,
  fields: UpdatableFields<Message, Settings>,
): Partial<Settings> {
  const paths = mask?.paths ?? [];
  const known = Object.keys(fields).join(", ");
  if (paths.length === 0) throw invalid("update_mask", `name at least one field to change: ${known}`);
  let changes: Partial<Settings> = {};
  for (const path of paths) {
    const read = Object.hasOwn(fields, path) ? fields[path] : undefined;
    if (read === undefined)
      throw invalid("update_mask", `${JSON.stringify(path)} cannot be changed: expected some of ${known}`);
    if (message === undefined) throw invalid("changes", "is required");
    changes = { ...changes, ...read(message) };
  }
  return changes;
}
