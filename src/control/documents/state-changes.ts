import { stateDifference } from "../../domain/workspaces/state-difference.ts";
import { type DocumentPart, type Excerpt, excerpt, shortText } from "./limits.ts";
import { stateContents } from "./state-contents.ts";

/** One difference between two states: an instance that only one has or that differs, or the name of an output. */
export type DifferenceRow =
  | { readonly kind: "added" | "removed" | "output"; readonly name: string }
  | {
      readonly kind: "changed";
      readonly name: string;
      readonly attributes: readonly string[];
      readonly attributesLeftOut: number;
    };

/** Most attributes that are named of one instance. */
const maxAttributes = 1_000;
const maxAttributeBytes = 256 * 1024;

/** How the second state differs from the first: what was added, removed and changed, then outputs. */
export function differenceBetween(
  [from, to]: readonly [Uint8Array, Uint8Array],
  [fromId, toId]: readonly [string, string],
  part: DocumentPart,
): Excerpt<DifferenceRow> {
  const found = stateDifference(stateContents(from, { id: fromId }), stateContents(to, { id: toId }));
  const named = (kind: "added" | "removed" | "output", names: readonly string[]) =>
    names.map((name) => ({ kind, name }) as const);
  const rows = [
    ...named("added", found.added),
    ...named("removed", found.removed),
    ...found.changed.map(({ address: name, attributes }) => ({ kind: "changed", name, attributes }) as const),
    ...named("output", found.outputs),
  ];
  return excerpt(rows, part, (row): DifferenceRow => {
    const name = shortText(row.name);
    return row.kind === "changed" ? { kind: row.kind, name, ...someOf(row.attributes) } : { ...row, name };
  });
}

function someOf(all: readonly string[]) {
  let left = maxAttributeBytes;
  const over = all.findIndex((name, index) => {
    left -= Buffer.byteLength(name) + 8;
    return left < 0 || index >= maxAttributes;
  });
  const attributes = over === -1 ? all : all.slice(0, over);
  return { attributes, attributesLeftOut: all.length - attributes.length };
}
