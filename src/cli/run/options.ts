import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type RunOptionsSchema, RunPriority } from "../../gen/windlass/v1/run_pb.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { given } from "../../lib/values/records.ts";
import { choice, count, duration, type FlagValues, repeated, sentence, text, toggle } from "../line/flags.ts";
import { usageError } from "../problems/problem.ts";
import { assignment, hclAssignment } from "../shared/assignments.ts";

export const startFlags = {
  dir: text("upload this directory (default: the current one)", { placeholder: "DIR" }),
  cv: text("use this configuration version instead; latest is the workspace's newest", { placeholder: "CV" }),
  message: sentence("for people", { short: "m" }),
  planOnly: toggle("only plan: takes no lock and does not queue"),
  destroy: toggle("plan to destroy everything"),
  refresh: toggle("=false: plan without reading the real objects first"),
  refreshOnly: toggle("only bring the state up to date"),
  target: repeated("limit the plan to this address; may be repeated", { placeholder: "ADDRESS" }),
  targetFile: repeated("the same for each address in this file, one a line; may be repeated", { placeholder: "FILE" }),
  exclude: repeated("leave this address out of the plan, and what depends on it; tofu only; may be repeated", {
    placeholder: "ADDRESS",
  }),
  excludeFile: repeated("the same for each address in this file, one a line; may be repeated", { placeholder: "FILE" }),
  replace: repeated("replace the resource at this address; may be repeated", { placeholder: "ADDRESS" }),
  var: repeated("a terraform variable for this run, as text; may be repeated", { placeholder: "KEY=VALUE" }),
  varHcl: repeated("the same with an HCL expression", { placeholder: "KEY=EXPRESSION" }),
  autoApply: toggle("apply without asking (default: the workspace's setting)"),
  suppressForgetErrors: toggle("with --destroy: what is forgotten and left in the world is no error; tofu only"),
  allowEmptyApply: toggle("apply although nothing changes"),
  savePlan: toggle("plan beside other runs and keep the plan: run confirm applies it later"),
  generateConfig: toggle("let the plan write configuration for imported objects that have none"),
  trace: toggle("let the program tell all that it does in the log"),
  engineVersion: text(
    'another version of the engine, with --plan-only: 1.11.4, 1.11 (any 1.11.x) or "~> 1.11" (1.11 or a later 1.x)',
    { placeholder: "VERSION" },
  ),
  parallelism: count("how many operations at once (default 10)", 256),
  detach: toggle("print the run's id and leave"),
  priority: choice("before (high) or after (low) other runs that wait", ["high", "normal", "low"]),
  queueTimeout: duration(
    "cancel the run if it waits longer for the workspace or an agent (default: the server's limit)",
  ),
  noWait: toggle("leave with exit code 8 as soon as the run waits: for the workspace, an agent or a confirmation"),
  waitTimeout: duration("leave with exit code 8 after the run has waited this long"),
  detailedExitcode: toggle("with --plan-only: 0 no changes, 1 error (of usage too), 2 changes"),
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
    [hasTargets(flags) && hasExcludes(flags), "--target and --exclude exclude each other"],
    [
      flags.suppressForgetErrors === true && flags.destroy !== true,
      "--suppress-forget-errors needs --destroy: no other run fails because of what it forgets",
    ],
    [flags.planOnly === true && flags.autoApply === true, "--plan-only and --auto-apply exclude each other"],
    [flags.savePlan === true && flags.planOnly === true, "--save-plan and --plan-only exclude each other"],
    [
      flags.savePlan === true && flags.autoApply === true,
      "--save-plan and --auto-apply exclude each other: a saved plan waits for run confirm",
    ],
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

const hasTargets = ({ target, targetFile }: StartFlags): boolean => target.length + targetFile.length > 0;
const hasExcludes = ({ exclude, excludeFile }: StartFlags): boolean => exclude.length + excludeFile.length > 0;

/** The flags with the addresses in the files that they name. */
export async function withAddressFiles(flags: StartFlags, workingDirectory: string): Promise<StartFlags> {
  const read = async (flag: string, files: readonly string[]) =>
    (await Promise.all(files.map((file) => addressesIn(flag, resolve(workingDirectory, file))))).flat();
  const target = [...flags.target, ...(await read("--target-file", flags.targetFile))];
  const exclude = [...flags.exclude, ...(await read("--exclude-file", flags.excludeFile))];
  // A plan without any limit is the opposite of what was asked for.
  if (flags.targetFile.length > 0 && target.length === 0)
    throw usageError(`--target-file: ${flags.targetFile.join(", ")} holds no address`);
  return { ...flags, target, targetFile: [], exclude, excludeFile: [] };
}

/** As OpenTofu reads them: one a line, without blank lines and those that begin with `#`. */
async function addressesIn(flag: string, path: string): Promise<readonly string[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw usageError(`${flag}: ${messageOf(error)}`);
  });
  const lines = text
    .replace(/^\ufeff/, "")
    .split("\n")
    .map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

const dashed = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** Words for the urgency of a run. */
export const priorities = { high: RunPriority.HIGH, normal: RunPriority.NORMAL, low: RunPriority.LOW } as const;

/** Unspecified is left to the server. */
export const priorityOf = ({ priority }: StartFlags): RunPriority =>
  priority === undefined ? RunPriority.UNSPECIFIED : priorities[priority];

/** The options of the run as the API takes them. */
export function runOptions(flags: StartFlags): MessageInitShape<typeof RunOptionsSchema> {
  return {
    planOnly: flags.planOnly === true,
    destroy: flags.destroy === true,
    refreshOnly: flags.refreshOnly === true,
    allowEmptyApply: flags.allowEmptyApply === true,
    ...given({ autoApply: flags.autoApply, refresh: flags.refresh }),
    targets: [...flags.target],
    excludes: [...flags.exclude],
    replacements: [...flags.replace],
    suppressForgetErrors: flags.suppressForgetErrors === true,
    variables: [
      ...flags.var.map((one) => ({ ...assignment(one), hcl: false })),
      ...flags.varHcl.map((one) => ({ ...hclAssignment(one), hcl: true })),
    ],
    engineVersion: flags.engineVersion ?? "",
    parallelism: flags.parallelism ?? 0,
    savePlan: flags.savePlan === true,
    generateConfiguration: flags.generateConfig === true,
    debug: flags.trace === true,
    queueTimeout: flags.queueTimeout === undefined ? undefined : durationFromMs(flags.queueTimeout),
  };
}

/** The directory to upload: what holds no configuration is refused before it is packed. */
export const directoryOf = ({ dir }: StartFlags, workingDirectory: string): string =>
  resolve(workingDirectory, dir ?? "");
