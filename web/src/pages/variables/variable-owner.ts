import { shellWord } from "../../../../src/lib/text/shell-word.ts";
/** Whose variables: exactly one of a workspace and a variable set, by name. */
export type VariableOwner =
  | { readonly kind: "workspace"; readonly name: string }
  | { readonly kind: "set"; readonly name: string };

/** For a request. */
export const ownerInput = ({
  kind,
  name,
}: VariableOwner): { readonly workspace: string } | { readonly variableSet: string } =>
  kind === "workspace" ? { workspace: name } : { variableSet: name };

/** For the command line. */
export const ownerFlag = ({ kind, name }: VariableOwner): string =>
  kind === "workspace" ? `-w ${shellWord(name)}` : `--set ${shellWord(name)}`;

/** Answers that a change of variables makes stale: no event tells of them. */
export const variableAnswers: readonly string[] = [
  "ListVariables",
  "ListEffectiveVariables",
  "GetVariableSet",
  "ListVariableSets",
];
