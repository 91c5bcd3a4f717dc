import type { MessageInitShape } from "@bufbuild/protobuf";
import { type RunOptionsSchema, RunPriority } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";

export type RunMode = "apply" | "plan-only" | "save-plan" | "destroy" | "refresh-only";

/** What is typed into the dialog that starts a run. */
export interface RunForm {
  readonly mode: RunMode;
  readonly message: string;
  /** One address a line. */
  readonly targets: string;
  readonly replacements: string;
  readonly excludes: string;
  /** One a line: `name=value`, or `name:=expression` in HCL. */
  readonly variables: string;
  readonly autoApply: "workspace" | "yes" | "no";
  readonly refreshes: boolean;
  readonly allowsEmptyApply: boolean;
  readonly generatesConfiguration: boolean;
  readonly suppressesForgetErrors: boolean;
  readonly isDebug: boolean;
  /** Empty is terraform's default. */
  readonly parallelism: string;
  readonly engineVersion: string;
  readonly priority: "low" | "normal" | "high";
  /** Minutes; empty is the server's limit. */
  readonly queueMinutes: string;
}

export const emptyForm: RunForm = {
  ...{ mode: "apply", message: "", targets: "", replacements: "", excludes: "", variables: "", autoApply: "workspace" },
  ...{
    refreshes: true,
    allowsEmptyApply: false,
    generatesConfiguration: false,
    suppressesForgetErrors: false,
    isDebug: false,
  },
  ...{ parallelism: "", engineVersion: "", priority: "normal", queueMinutes: "" },
};

const linesOf = (text: string): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);

interface TypedVariable {
  readonly key: string;
  readonly value: string;
  readonly hcl: boolean;
}

/** Reads `name=value` and `name:=expression`; undefined for what is neither. */
function variableOf(line: string): TypedVariable | undefined {
  const found = /^([^=:\s]+)\s*(:?=)(.*)$/s.exec(line);
  if (found === null) return undefined;
  const [, key = "", sign, value = ""] = found;
  return { key, value: sign === ":=" ? value.trim() : value, hcl: sign === ":=" };
}

const isWhole = (text: string): boolean => text === "" || /^\d+$/.test(text.trim());

/** What is wrong with the form, by its fields; what only the server knows it says itself. */
export function formProblems(form: RunForm): Readonly<Record<string, string>> {
  const wrong = linesOf(form.variables).find((line) => variableOf(line) === undefined);
  return {
    ...(wrong === undefined ? {} : { variables: `"${wrong}" is neither name=value nor name:=expression` }),
    ...(isWhole(form.parallelism) ? {} : { parallelism: "A whole number, or nothing" }),
    ...(isWhole(form.queueMinutes) ? {} : { queueMinutes: "A whole number of minutes, or nothing" }),
  };
}

const autoApplies = { workspace: undefined, yes: true, no: false } as const;

/** The options of the run that the form asks for. */
export function optionsOf(form: RunForm): MessageInitShape<typeof RunOptionsSchema> {
  const queueMinutes = Number(form.queueMinutes || 0);
  const autoApply = autoApplies[form.autoApply];
  return {
    planOnly: form.mode === "plan-only",
    savePlan: form.mode === "save-plan",
    destroy: form.mode === "destroy",
    refreshOnly: form.mode === "refresh-only",
    targets: [...linesOf(form.targets)],
    replacements: [...linesOf(form.replacements)],
    excludes: [...linesOf(form.excludes)],
    variables: linesOf(form.variables).flatMap((line) => variableOf(line) ?? []),
    allowEmptyApply: form.allowsEmptyApply,
    generateConfiguration: form.generatesConfiguration,
    suppressForgetErrors: form.mode === "destroy" && form.suppressesForgetErrors,
    debug: form.isDebug,
    parallelism: Number(form.parallelism || 0),
    engineVersion: form.mode === "plan-only" ? form.engineVersion.trim() : "",
    ...(autoApply === undefined ? {} : { autoApply }),
    ...(form.refreshes ? {} : { refresh: false }),
    ...(queueMinutes > 0 ? { queueTimeout: { seconds: BigInt(queueMinutes * 60) } } : {}),
  };
}

export const priorities = { low: RunPriority.LOW, normal: RunPriority.NORMAL, high: RunPriority.HIGH } as const;

const modeFlags = {
  apply: "",
  "plan-only": "--plan-only",
  "save-plan": "--save-plan",
  destroy: "--destroy",
  "refresh-only": "--refresh-only",
} as const;

/** The command that starts the same run. */
export function commandOf(form: RunForm, workspace: string, configurationId: string): string {
  const each = (flag: string, text: string) => linesOf(text).map((line) => `${flag} ${shellWord(line)}`);
  const variables = linesOf(form.variables).flatMap((line) => {
    const variable = variableOf(line);
    if (variable === undefined) return [];
    return `${variable.hcl ? "--var-hcl" : "--var"} ${shellWord(`${variable.key}=${variable.value}`)}`;
  });
  const flags = [
    `--cv ${configurationId || "latest"}`,
    modeFlags[form.mode],
    form.message !== "" && `-m ${shellWord(form.message)}`,
    ...each("--target", form.targets),
    ...each("--replace", form.replacements),
    ...each("--exclude", form.excludes),
    ...variables,
    form.autoApply !== "workspace" && (form.autoApply === "yes" ? "--auto-apply" : "--auto-apply=false"),
    !form.refreshes && "--refresh=false",
    form.allowsEmptyApply && "--allow-empty-apply",
    form.generatesConfiguration && "--generate-config",
    form.mode === "destroy" && form.suppressesForgetErrors && "--suppress-forget-errors",
    form.isDebug && "--trace",
    form.parallelism !== "" && `--parallelism ${form.parallelism}`,
    form.mode === "plan-only" && form.engineVersion !== "" && `--engine-version ${shellWord(form.engineVersion)}`,
    form.priority !== "normal" && `--priority ${form.priority}`,
    form.queueMinutes !== "" && `--queue-timeout ${form.queueMinutes}m`,
  ];
  return ["windlass run start", shellWord(workspace), ...flags.filter(Boolean)].join(" ");
}
