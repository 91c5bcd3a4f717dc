import { compare, parse, type SemVer } from "semver";

const operators = ["=", "!=", ">", ">=", "<", "<=", "~>"] as const;
type Operator = (typeof operators)[number] | "any";

interface Condition {
  readonly operator: Operator;
  readonly version: SemVer;
  /** Segments that were written: `~> 1.11` has two. */
  readonly segments: number;
}

/**
 * Conditions that must all hold, as terraform writes them: `1.11.4`, `~> 1.11`, `>= 1.5, < 2.0`; and `1.11`, which is
 * any 1.11.x.
 */
export interface VersionConstraint {
  readonly text: string;
  /** The one version that it asks for, if it is no more than that. */
  readonly exact: string | undefined;
  readonly namesPrerelease: boolean;
  allows(version: string): boolean;
}

const conditionPattern = /^(=|!=|>=|<=|>|<|~>)?\s*v?(\d+(?:\.\d+){0,2}(?:-[0-9A-Za-z.-]+)?)$/;

/** Reads a constraint in terraform's syntax; an empty one allows everything. Undefined when it cannot be read. */
export function parseVersionConstraint(text: string): VersionConstraint | undefined {
  const parts = text.split(",").map((part) => part.trim());
  if (parts.length === 1 && parts[0] === "")
    return { text, exact: undefined, namesPrerelease: false, allows: () => true };
  const conditions = parts.map(parseCondition);
  if (!conditions.every((condition) => condition !== undefined)) return undefined;
  const [only] = conditions;
  return {
    text,
    exact: conditions.length === 1 && only?.operator === "=" ? only.version.version : undefined,
    namesPrerelease: conditions.some(({ version }) => version.prerelease.length > 0),
    allows: (version) => conditions.every((condition) => allows(condition, version)),
  };
}

function parseCondition(text: string): Condition | undefined {
  const [, given, written] = conditionPattern.exec(text) ?? [];
  if (written === undefined) return undefined;
  const [core = "", ...pre] = written.split("-");
  const segments = core.split(".").length;
  const operator = operators.find((one) => one === given) ?? (segments < 3 && pre.length === 0 ? "any" : "=");
  const full = [core, ...Array.from({ length: 3 - segments }, () => "0")].join(".");
  const version = parse([full, ...pre].join("-"));
  return version === null ? undefined : { operator, version, segments };
}

function allows({ operator, version, segments }: Condition, text: string): boolean {
  const found = parse(text);
  if (found === null) return false;
  const order = compare(found, version);
  if (operator === "=") return order === 0;
  if (operator === "!=") return order !== 0;
  // A pre-release is only taken when the constraint names one of the same version.
  const isSameCore = found.compareMain(version) === 0;
  if (found.prerelease.length > 0 && !(version.prerelease.length > 0 && isSameCore)) return false;
  switch (operator) {
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case "any":
      return hasSamePrefix(found, version, segments);
    case "~>":
      return order >= 0 && hasSamePrefix(found, version, segments - 1);
  }
}

function hasSamePrefix(a: SemVer, b: SemVer, segments: number): boolean {
  const numbers = (version: SemVer) => [version.major, version.minor, version.patch];
  return numbers(a)
    .slice(0, segments)
    .every((value, index) => value === numbers(b)[index]);
}
