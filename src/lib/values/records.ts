/** Whether a value is an object with names, and neither null nor a list. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What stands under a name, if the value is a record that has it: for reading what another program wrote. */
export const fieldOf = (value: unknown, name: string): unknown => (isRecord(value) ? value[name] : undefined);

/** The same record without the fields that are undefined. */
export const given = <T extends object>(record: T) =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };

/** The names of a record that has no others than its type says: a table of this program. */
export const keysOf = <T extends object>(table: T): readonly Extract<keyof T, string>[] =>
  Object.keys(table) as Extract<keyof T, string>[];

/** The names of such a table, each with what stands under it. */
export const entriesOf = <T extends object>(
  table: T,
): readonly (readonly [Extract<keyof T, string>, Required<T>[keyof T]])[] =>
  Object.entries(table) as [Extract<keyof T, string>, Required<T>[keyof T]][];

/** Whether a table has this name. */
export const isKeyOf = <T extends object>(table: T, name: PropertyKey): name is keyof T => Object.hasOwn(table, name);

/** What a table has for this name or number; undefined if it has none, as for a value of a newer server. */
export const lookUp = <V>(table: Readonly<Record<PropertyKey, V>>, name: PropertyKey): V | undefined =>
  isKeyOf(table, name) ? table[name] : undefined;
