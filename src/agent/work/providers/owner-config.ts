import { constants } from "node:fs";
import { access, open } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, messageOf } from "../../../lib/values/errors.ts";
import {
  type CliConfig,
  type NamedPath,
  readCliConfig,
} from "../../../terraform/configuration/cli-config/cli-config.ts";
import type { AgentConfig } from "../../contract/config.ts";
import { hiddenPathsOf, shownOf } from "../../sandbox/hidden-paths.ts";

/** The CLI configuration of the agent's owner, with what of it lies on this machine. */
export interface OwnerConfig {
  readonly config: CliConfig;
  /** The program of its credentials helper. */
  readonly helperProgram: string | undefined;
}

export type OwnerConfigRead =
  | { readonly kind: "none" }
  | { readonly kind: "read"; readonly owner: OwnerConfig }
  /** Every problem at once, one sentence each. */
  | { readonly kind: "unusable"; readonly problems: readonly string[] };

type Options = Pick<AgentConfig, "cliConfigFile" | "pluginHome" | "dataDir" | "hiddenPaths">;

const maxBytes = 1024 * 1024;

/** Reads the file of `--cli-config` anew, and looks whether everything that it names is there. */
export async function readOwnerConfig(options: Options): Promise<OwnerConfigRead> {
  const { cliConfigFile: file } = options;
  if (file === undefined) return { kind: "none" };
  const problem = (why: string) => `--cli-config: ${file}${why}`;
  const text = await textOf(file).catch((error: Error) => ({ error }));
  if (typeof text !== "string")
    return { kind: "unusable", problems: [problem(` cannot be read: ${text.error.message}`)] };
  const read = readCliConfig(text);
  if (read.kind === "refused") return { kind: "unusable", problems: read.problems.map((why) => problem(`, ${why}`)) };
  const helperProgram = helperOf(read.config, options);
  const helper =
    helperProgram === undefined ? [] : [{ path: helperProgram, what: "credentials_helper", mode: constants.X_OK }];
  const wanted = [...read.config.paths.map((path) => ({ ...path, mode: constants.R_OK })), ...helper];
  const missing = await Promise.all(wanted.map((path) => whyUnusable(path, hiddenPathsOf(options))));
  const problems = missing.filter((why) => why !== undefined).map((why) => problem(`: ${why}`));
  return problems.length > 0
    ? { kind: "unusable", problems }
    : { kind: "read", owner: { config: read.config, helperProgram } };
}

async function textOf(path: string): Promise<string> {
  await using file = await open(path, "r");
  const found = await file.stat();
  if (!found.isFile()) throw new Error("it is no file");
  if (found.size > maxBytes) throw new Error("it is larger than 1 MiB");
  return file.readFile("utf8");
}

/** Where terraform looks for helpers in the home of its user. */
const helperOf = ({ helper }: CliConfig, { pluginHome }: Options): string | undefined =>
  helper === undefined ? undefined : join(pluginHome ?? "/", `terraform-credentials-${helper}`);

async function whyUnusable(
  { path, what, mode }: NamedPath & { readonly mode: number },
  hidden: readonly string[],
): Promise<string | undefined> {
  try {
    await access(path, mode);
    const secret = shownOf(path, hidden);
    return secret === undefined ? undefined : `${what}: ${path} would show ${secret} to jobs: name another place`;
  } catch (error) {
    return `${what}: ${path} cannot be used: ${reasonOf(error)}`;
  }
}

function reasonOf(error: unknown): string {
  const code = errnoOf(error);
  if (code === "ENOENT") return "it is not there";
  if (code === "EACCES") return "the agent's user may not use it";
  return messageOf(error);
}
