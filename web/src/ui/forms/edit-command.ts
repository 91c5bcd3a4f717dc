import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { type FormValue, type FormValues, maskPath } from "../../data/edits.ts";

/** How the command line writes a field, where it is not the field's own name: its flag, or all of it, which may be nothing. */
export type FlagNames<Values extends FormValues> = {
  readonly [Field in keyof Values]?: string | ((value: Values[Field]) => string);
};

function flagOf(name: string, value: FormValue | undefined): string {
  if (typeof value === "boolean") return value ? `--${name}` : `--${name}=false`;
  const text = `${value ?? ""}`.replaceAll(/,\s+/g, ",");
  return `--${name} ${text === "" ? "''" : shellWord(text)}`;
}

/** The command that makes the same changes: `windlass pool edit prod --description 'the north'`. */
export function editCommand<Values extends FormValues>(
  command: string,
  { draft, changed }: { readonly draft: Values; readonly changed: readonly (keyof Values & string)[] },
  names: FlagNames<Values> = {},
): string {
  const flags = changed.map((field) => {
    const name = names[field] ?? maskPath(field).replaceAll("_", "-");
    return typeof name === "string" ? flagOf(name, draft[field]) : name(draft[field]);
  });
  return [command, ...flags.filter((flag) => flag !== "")].join(" ");
}
