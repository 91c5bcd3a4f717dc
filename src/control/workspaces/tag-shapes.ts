import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { invalid } from "../core/refusals.ts";

const tagShape = /^[a-z0-9]([a-z0-9:._-]{0,61}[a-z0-9])?$/;
const maxTags = 32;
const maxBindings = 10;
const maxKeyLength = 128;
const maxValueLength = 256;

type Tagged = Pick<Workspace, "tags" | "tagBindings">;

/** Tags as a workspace keeps them: one with an empty value is a plain one, and none is both. `field` holds them. */
export function checkTags(field: string, { tags, tagBindings }: Tagged): Tagged {
  const bindings = Object.entries(tagBindings);
  if (bindings.length > maxBindings)
    throw invalid(
      `${field}.tag_bindings`,
      `cannot exceed ${maxBindings} bindings per resource, got ${bindings.length}`,
    );
  for (const [key, value] of bindings) checkBinding(`${field}.tag_bindings`, key, value);
  const withValue = bindings.filter(([, value]) => value !== "");
  const keys = new Set(withValue.map(([key]) => key));
  const bare = bindings.filter(([, value]) => value === "").map(([key]) => key);
  const plain = [...new Set([...tags, ...bare])].filter((tag) => !keys.has(tag)).toSorted();
  const odd = plain.find((tag) => !tagShape.test(tag));
  if (odd !== undefined)
    throw invalid(
      `${field}.tags`,
      `expected 1 to 63 lower-case letters, digits, and : . _ - between them, got ${JSON.stringify(odd.slice(0, 100))}`,
    );
  if (plain.length > maxTags) throw invalid(`${field}.tags`, `expected at most ${maxTags} tags, got ${plain.length}`);
  return { tags: plain, tagBindings: Object.fromEntries(withValue.toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

function checkBinding(field: string, key: string, value: string): void {
  if (key.trim() === "" || key.length > maxKeyLength || /\p{Cc}/u.test(key))
    throw invalid(field, `expected keys of 1 to ${maxKeyLength} characters, got ${JSON.stringify(key.slice(0, 100))}`);
  if (value.length > maxValueLength || /\p{Cc}/u.test(value))
    throw invalid(
      field,
      `expected values of at most ${maxValueLength} characters, that of ${JSON.stringify(key)} is none`,
    );
}
