import { maskPath } from "../../data/edits.ts";
import { Field } from "../field.tsx";

/** One text of a form, under the name that requests have for it. */
export interface TextFieldSpec<Name extends string> {
  readonly name: Name;
  readonly label: string;
  readonly hint?: string;
  readonly mono?: boolean;
}

interface TextFieldsProps<Name extends string> {
  readonly fields: readonly TextFieldSpec<Name>[];
  readonly values: Readonly<Record<Name, string>>;
  readonly onChange: (name: Name, value: string) => void;
  /** What is wrong with a text, or what somebody else has made of it. */
  readonly about: (name: Name) => string | undefined;
  /** What the form is about: `pool` makes `pool-name`. */
  readonly testId: string;
}

/** The texts that a form begins with, each with what is wrong with it. */
export function TextFields<Name extends string>({ fields, values, onChange, about, testId }: TextFieldsProps<Name>) {
  return fields.map(({ name, ...field }) => (
    <Field
      key={name}
      {...field}
      value={values[name]}
      onChange={(value) => onChange(name, value)}
      error={about(name)}
      testId={`${testId}-${maskPath(name).replaceAll("_", "-")}`}
    />
  ));
}

/** What a name may have: of pools, workspaces, sets and organizations. */
export const nameHint = "Letters, digits, - and _.";
