import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { RunOptionsSchema } from "../gen/windlass/v1/run_pb.ts";
import { given } from "./answers.ts";
import { assignment } from "./assignments.ts";
import { count, duration, type FlagValues, repeated, text, toggle } from "./flags.ts";
import { usageError } from "./problem.ts";

export const startFlags = {
  dir: text("upload this directory (default: the current one)", { placeholder: "DIR" }),
  cv: text("use this configuration version instead; latest is the workspace's newest", { placeholder: "CV" }),
  message: text("for people", { short: "m" }),
  planOnly: toggle("only plan: takes no lock and does not queue"),
  destroy: toggle("plan to destroy everything"),
  refresh: toggle("=false: plan without reading the real objects first"),
  refreshOnly: toggle("only bring the state up to date"),
  target: repeated("limit the plan to this address; may be repeated", { placeholder: "ADDRESS" }),
  replace: repeated("replace the resource at this address; may be repeated", { placeholder: "ADDRESS" }),
  var: repeated("a terraform variable for this run, as text; may be repeated", { placeholder: "KEY=VALUE" }),
  varHcl: repeated("the same with an HCL expression", { placeholder: "KEY=EXPRESSION" }),
  autoApply: toggle("apply without asking (default: the workspace's setting)"),
  allowEmptyApply: toggle("apply although nothing changes"),
  engineVersion: text("another version of the engine, with --plan-only", { placeholder: "VERSION" }),
  parallelism: count("how many operations at once (default 10)", 256),
  detach: toggle("print the run's id and leave"),
  noWait: toggle("leave with exit code 8 when the plan waits for a confirmation"),
  waitTimeout: duration("leave with exit code 8 after the run has waited this long"),
  detailedExitcode: toggle("with --plan-only: 0 no changes, 1 error, 2 changes"),
  raw: toggle("keep every terminal escape of the log; else a terminal is shown colors only"),
};

export type StartFlags = FlagValues<typeof startFlags>;

/** Refuses flags that contradict each other or would be ignored. */
export function checkStartFlags(flags: StartFlags): void {
  const conflicts: readonly (readonly [boolean, string])[] = [
    [
      flags.dir !== undefined && flags.cv !== undefined,
      "--dir and --cv exclude each other: a run uses one configuration",
    ],
    [flags.engineVersion !== undefined && flags.planOnly !== true, "--engine-version needs --plan-only"],
    [flags.detailedExitcode === true && flags.planOnly !== true, "--detailed-exitcode needs --plan-only"],
    [flags.planOnly === true && flags.autoApply === true, "--plan-only and --auto-apply exclude each other"],
    [flags.destroy === true && flags.refreshOnly === true, "--destroy and --refresh-only exclude each other"],
    [flags.refreshOnly === true && flags.refresh === false, "--refresh-only and --refresh=false exclude each other"],
    ...(["noWait", "waitTimeout", "detailedExitcode", "raw"] as const).map(
      (key) =>
        [flags.detach === true && flags[key] !== undefined, `${dashed(key)} means nothing with --detach`] as const,
    ),
  ];
  const [first] = conflicts.filter(([isBroken]) => isBroken);
  if (first !== undefined) throw usageError(first[1]);
}

const dashed = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The options of the run as the API takes them. */
export function runOptions(flags: StartFlags): MessageInitShape<typeof RunOptionsSchema> {
  return {
    planOnly: flags.planOnly === true,
    destroy: flags.destroy === true,
    refreshOnly: flags.refreshOnly === true,
    allowEmptyApply: flags.allowEmptyApply === true,
    ...given({ autoApply: flags.autoApply, refresh: flags.refresh }),
    targets: [...flags.target],
    replacements: [...flags.replace],
    variables: [
      ...flags.var.map((one) => ({ ...assignment(one), hcl: false })),
      ...flags.varHcl.map((one) => ({ ...assignment(one), hcl: true })),
    ],
    engineVersion: flags.engineVersion ?? "",
    parallelism: flags.parallelism ?? 0,
  };
}

const terraformFile = /\.(tf|tofu)(\.json)?$/;

/** The directory to upload. The current one is taken unasked only if it looks like a configuration. */
export async function directoryOf({ dir }: StartFlags, workingDirectory: string): Promise<string> {
  if (dir !== undefined) return resolve(workingDirectory, dir);
  const names = await readdir(workingDirectory);
  if (names.some((name) => terraformFile.test(name))) return workingDirectory;
  throw usageError(`${workingDirectory} holds no .tf files: say what the run should use`, [
    { label: "Upload a directory", command: "windlass run start WS --dir DIR" },
    { label: "Or use what was uploaded last", command: "windlass run start WS --cv latest" },
  ]);
}
