import { text } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";

/** The flags that say whose variables a command is about: exactly one of them. */
export const holderFlags = {
  workspace: text("the workspace", { short: "w", placeholder: "WS" }),
  set: text("the variable set", { placeholder: "SET" }),
};

/** Whose variables a command is about, as requests name it. */
export interface Holder {
  readonly workspace: string;
  readonly variableSet: string;
  /** `workspace network` or `variable set cloud`. */
  readonly title: string;
}

/** Reads the flags; refuses both and neither. */
export function holderOf({
  workspace = "",
  set = "",
}: {
  readonly workspace: string | undefined;
  readonly set: string | undefined;
}): Holder {
  if ((workspace === "") === (set === ""))
    throw usageError("say whose variables: either --workspace WS (-w) or --set SET");
  return { workspace, variableSet: set, title: set === "" ? `workspace ${workspace}` : `variable set ${set}` };
}
