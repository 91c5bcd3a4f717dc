import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** What is wrong with a value of a manifest, in the words of those who write manifests. */
export function issueWords(issue: Issue, content: unknown): string {
  const value = valueAt(content, issue.path);
  const wanted = wantedBy(issue);
  if (wanted === undefined) return `${issue.message}${issue.code === "custom" ? "" : got(issue, value)}`;
  return value === undefined ? `is missing: expected ${wanted}` : `expected ${wanted}${got(issue, value)}`;
}

/** What should stand there; undefined if the rule says it itself. */
function wantedBy(issue: Issue): string | undefined {
  switch (issue.code) {
    case "invalid_value":
      return listed(issue.values.map(String));
    case "invalid_type":
      return typeWords[issue.expected] ?? issue.expected;
    case "too_big":
      return `at most ${issue.maximum}${units[issue.origin] ?? ""}`;
    case "too_small":
      return `at least ${issue.minimum}${units[issue.origin] ?? ""}`;
    case "invalid_union":
      // One field says which member it is; the only other unions are the places of secrets.
      return "options" in issue && Array.isArray(issue.options)
        ? listed(issue.options.map(String))
        : "{env: NAME} or {file: PATH}";
    default:
      return undefined;
  }
}

const typeWords: Readonly<Record<string, string>> = {
  string: "text, in quotes if it looks like a number",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "fields with values",
};

const units: Readonly<Record<string, string>> = { string: " characters", array: " items" };

const mostShown = 64;

/** Short values help; the value of a variable may be a secret that stands there by mistake. */
function got({ path }: Issue, value: unknown): string {
  if (path.at(-1) === "value") return "";
  const text = typeof value === "object" && value !== null ? "" : (JSON.stringify(value) ?? "");
  return text === "" || text.length > mostShown ? "" : `, got ${text}`;
}

const listed = (words: readonly string[]): string =>
  words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

function valueAt(content: unknown, path: readonly PropertyKey[]): unknown {
  let value = content;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Reflect.get(value, step);
  }
  return value;
}
