/** One line of a `.terraformignore`. */
interface Rule {
  readonly pattern: RegExp;
  readonly isNegated: boolean;
  /** True for a line of the person's own file. */
  readonly isOwn: boolean;
}

/** What the rules say of a path. */
export type Verdict =
  | { readonly kind: "kept" }
  /** `isOwn`: by a line of `.terraformignore`. `mayHoldKept`: a later line could bring back something below it. */
  | { readonly kind: "left_out"; readonly isOwn: boolean; readonly mayHoldKept: boolean };

/** Below the root, `/` between names; a directory ends in `/`. */
export type Judge = (path: string) => Verdict;

/**
 * Reads a `.terraformignore` as HCP Terraform's uploader does (go-slug), which is not as git does: a pattern that ends
 * in `/` means everything below that directory, negated or not, and one that does not begin with `/` counts at any
 * depth, slashes in it or not. The last line that matches decides. `defaults` come first. Source: hashicorp/go-slug,
 * internal/ignorefiles.
 */
export function ignoreRules(text: string, defaults: readonly string[]): Judge {
  const own = text.replace(/^\ufeff/, "").split(/\r?\n/);
  const rules = [
    ...defaults.flatMap((line) => ruleOf(line, false)),
    ...own.flatMap((line) => ruleOf(line.trim(), true)),
  ];
  const lastNegated = rules.findLastIndex(({ isNegated }) => isNegated);
  return (path) => {
    const at = rules.findLastIndex(({ pattern }) => pattern.test(path));
    const rule = rules[at];
    if (rule === undefined || rule.isNegated) return { kind: "kept" };
    return { kind: "left_out", isOwn: rule.isOwn, mayHoldKept: at < lastNegated };
  };
}

// As HCP Terraform's own uploader: https://developer.hashicorp.com/terraform/cloud-docs/run/remote-operations
const defaultRules = ["**/.terraform/", "!**/.terraform/modules/", "**/.git/", "**/.windlass/"];

/** What an upload has of a directory with this `.terraformignore`; without one the text is empty. */
export const uploadRules = (text: string): Judge => ignoreRules(text, defaultRules);

/** A state lies with the server: no upload has such files, whatever the rules say. */
export const isStateFile = (name: string): boolean =>
  /^(terraform\.tfstate.*|errored\.tfstate|\.terraform\.tfstate\.lock\.info)$/.test(name);

function ruleOf(line: string, isOwn: boolean): readonly Rule[] {
  if (line === "" || line.startsWith("#")) return [];
  const isNegated = line.startsWith("!");
  const written = isNegated ? line.slice(1) : line;
  if (written === "") return [];
  const below = written.endsWith("/") ? `${written}**` : written;
  const placed = below.startsWith("/") ? below.slice(1) : `**/${below}`;
  return [{ pattern: new RegExp(`^${expressionOf(placed)}$`, "su"), isNegated, isOwn }];
}

/** In order: `**` with its slash, or at the end; `*`; `?`; a class such as [a-z]; an escaped character; any other one. */
const piece = /\*\*\/?|\*|\?|\[(?:\\.|[^\]\\])+\]|\\.|[\s\S]/gu;

const expressionOf = (pattern: string): string =>
  pattern.replaceAll(piece, (found, at: number) => {
    if (found.startsWith("**")) return at + found.length === pattern.length ? ".*" : "(?:.*/)?";
    if (found === "*") return "[^/]*";
    if (found === "?") return "[^/]";
    if (found.length > 1 && found.startsWith("[")) return classOf(found);
    return literal(found.startsWith("\\") && found.length > 1 ? found.slice(1) : found);
  });

const classOf = (written: string): string => `[${written.slice(1, -1).replace(/^!/, "^").replaceAll("[", "\\[")}]`;

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
