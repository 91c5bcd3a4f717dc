/** One field that would change. */
export interface FieldChange {
  readonly path: string;
  /** As people read it; undefined if there was nothing. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** What a manifest would do to one resource. */
export interface ManifestChange {
  /** `workspace/network`. */
  readonly resource: string;
  readonly kind: "create" | "update" | "none";
  readonly fields: readonly FieldChange[];
  /** Things that cannot be compared: sensitive values are written each time. */
  readonly notes: readonly string[];
  /** Does it, in order. */
  readonly steps: readonly (() => Promise<unknown>)[];
}

/**
 * The fields that a manifest names and that are not as it says; `wanted` undefined means that it does not name the
 * field.
 */
export function changedFields<T extends Readonly<Record<string, unknown>>>(
  wanted: { readonly [Name in keyof T]?: T[Name] | undefined },
  current: Partial<T> | undefined,
): readonly FieldChange[] {
  return Object.entries(wanted).flatMap(([path, to]) => {
    const from: unknown = current?.[path];
    if (to === undefined || (current !== undefined && textOf(to) === textOf(from))) return [];
    return [{ path, from: current === undefined ? undefined : textOf(from), to: textOf(to) }];
  });
}

/** A value in one line. */
export function textOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(", ")}]`;
  if (typeof value === "string") return value;
  return JSON.stringify(value) ?? "";
}

const signs = { create: "+", update: "~", none: " " } as const;

/** The changes as people read them. Resources that stay as they are take one line. */
export function changeLines(changes: readonly ManifestChange[]): readonly string[] {
  return changes.flatMap(({ resource, kind, fields, notes }) => {
    const head = `${signs[kind]} ${resource}${kind === "none" && notes.length === 0 ? " (unchanged)" : ""}`;
    const lines = fields.map(({ path, from, to }) => {
      const before = from === undefined ? "" : `${from === "" ? '""' : from} → `;
      return `    ${path}: ${before}${to === undefined ? "(removed)" : to === "" ? '""' : to}`;
    });
    return [head, ...lines, ...notes.map((note) => `    ${note}`)];
  });
}

/** `2 to create, 29 to change, 2 unchanged`. */
export function changeSum(changes: readonly ManifestChange[]): string {
  const parts = [
    [changes.filter(({ kind }) => kind === "create").length, "to create"],
    [changes.filter(({ kind }) => kind === "update").length, "to change"],
    [changes.filter(({ kind, notes }) => kind === "none" && notes.length > 0).length, "with sensitive values to write"],
    [changes.filter(({ kind, notes }) => kind === "none" && notes.length === 0).length, "unchanged"],
  ] as const;
  return parts.flatMap(([count, word]) => (count === 0 ? [] : [`${count} ${word}`])).join(", ");
}

/** True if applying would do anything that a reader would call a change. */
export const hasChanges = (changes: readonly ManifestChange[]): boolean => changes.some(({ kind }) => kind !== "none");
