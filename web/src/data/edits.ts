/** A value of a form. */
export type FormValue = string | boolean | number | readonly string[];
export type FormValues = { readonly [field: string]: FormValue };

/** What somebody has typed over the values that the server has. */
export interface Edits<Values extends FormValues> {
  readonly typed: Partial<Values>;
  /** What the server had when each of them was begun. */
  readonly seen: Partial<Values>;
}

const same = (a: FormValue | undefined, b: FormValue | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);

export const noEdits = { typed: {}, seen: {} } as const;

/** Types over some values. What was seen of a field first is kept. */
export function typeOver<Values extends FormValues>(
  edits: Edits<Values>,
  values: Values,
  part: Partial<Values>,
): Edits<Values> {
  const begun = Object.fromEntries(Object.keys(part).map((field) => [field, values[field]]));
  return { typed: { ...edits.typed, ...part }, seen: { ...begun, ...edits.seen } };
}

/** The fields whose typed value differs from what the server has. */
export const changedFields = <Values extends FormValues>(
  { typed }: Edits<Values>,
  values: Values,
): readonly (keyof Values & string)[] =>
  Object.keys(values).filter((field) => field in typed && !same(typed[field], values[field]));

/** What somebody else has set a field to since it was begun; undefined if nobody has. */
export function meanwhile<Values extends FormValues>(
  edits: Edits<Values>,
  values: Values,
  field: keyof Values & string,
): FormValue | undefined {
  const isTouched =
    field in edits.typed && !same(edits.seen[field], values[field]) && !same(edits.typed[field], values[field]);
  return isTouched ? values[field] : undefined;
}

/** As a field mask names it: `execution_mode`. */
export const maskPath = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
