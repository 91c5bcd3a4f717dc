import type { Workspace } from "../../gen/windlass/v1/workspace_pb.ts";

type Tagged = Pick<Workspace, "tags" | "tagBindings">;

/** Tags as they are written: `prod`, `team=network`. */
export const tagWords = ({ tags, tagBindings }: Tagged): readonly string[] =>
  [...tags, ...Object.entries(tagBindings).map(([key, value]) => `${key}=${value}`)].sort();

/** What such words say: the plain tags, and those with values. */
export function taggedBy(words: readonly string[]): Tagged {
  const pairs = words
    .filter((word) => word.includes("="))
    .map((word): readonly [string, string] => {
      const at = word.indexOf("=");
      return [word.slice(0, at), word.slice(at + 1)];
    });
  return { tags: words.filter((word) => !word.includes("=")), tagBindings: Object.fromEntries(pairs) };
}
