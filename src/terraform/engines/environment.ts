import { WindlassError } from "../../lib/words/errors.ts";
import { compactId } from "../../lib/words/ids.ts";
import { whyRefusedVariableName } from "../../lib/words/variable-names.ts";

/** Facts about the run that its configuration may read, as HCP Terraform gives them. */
export interface RunFacts {
  readonly runId: string;
  readonly organization: string;
  readonly workspace: string;
}

/** There are no projects: every workspace is in the one that clients of the TFE API see. */
const projectName = "Default Project";

export interface EnvironmentVariable {
  readonly name: string;
  readonly value: string;
}

export interface EnvironmentOptions {
  /** Search path for programs that the configuration starts. */
  readonly path: string;
  /** A directory inside the job: no two jobs share it. */
  readonly home: string;
  readonly temporaryDirectory: string;
  readonly run: RunFacts;
  /** The workspace's `env` variables; a later one wins over an earlier one of the same name. */
  readonly variables: readonly EnvironmentVariable[];
  /** Arguments for terraform (`TF_CLI_ARGS_plan`) that the agent's operator lets its hooks set. */
  readonly hookArguments?: readonly EnvironmentVariable[] | undefined;
  /** A CLI configuration file of the agent (mirror, credentials). Without one terraform reads none. */
  readonly cliConfigFile?: string | undefined;
  /** True: the program says all that it does. */
  readonly isDebug?: boolean | undefined;
  /** The agent's own additions (proxy, certificates): before the workspace's variables, so that these may override them. */
  readonly inherited?: Readonly<Record<string, string>> | undefined;
}

/** Linux refuses one longer `NAME=value` string with E2BIG (MAX_ARG_STRLEN, 32 pages, with its final NUL). */
const maxStringBytes = 128 * 1024 - 1;

/**
 * Arguments and environment together may have 2 MiB where the stack is limited to 8 MiB (a quarter of it), each string
 * with a pointer: the rest is left to arguments and the sandbox. Source: execve(2).
 */
const maxEnvironmentBytes = 2 * 1024 * 1024 - 64 * 1024;
const pointerBytes = 8;

/**
 * The whole environment of a terraform process: nothing comes from the agent's own. The agent's settings come last, so
 * nobody overrides them. Throws `validation` naming a variable that is refused or too long (128 KiB), and when all
 * together are too large for the system.
 */
export function terraformEnvironment(options: EnvironmentOptions): Record<string, string> {
  for (const { name, value } of options.variables) checkVariable(name, value);
  // Assigning to __proto__ would lose it.
  const own = Object.fromEntries(options.variables.map(({ name, value }) => [name, value]));
  const inherited = inheritedOf(options);
  const asked = Object.fromEntries((options.hookArguments ?? []).map(({ name, value }) => [name, value]));
  const settings = { ...runVariables(options.run), ...agentSettings(options) };
  const whole = { LANG: "C.UTF-8", ...inherited, ...own, ...asked, ...settings };
  checkSize(whole);
  return whole;
}

function checkSize(environment: Readonly<Record<string, string>>): void {
  const sizeOf = ([name, value]: readonly [string, string]): number =>
    Buffer.byteLength(name) + Buffer.byteLength(value) + 2 + pointerBytes;
  const bytes = Object.entries(environment).reduce((sum, entry) => sum + sizeOf(entry), 0);
  if (bytes <= maxEnvironmentBytes) return;
  throw new WindlassError(
    "validation",
    `the environment is too large: ${bytes} bytes, and the system takes ${maxEnvironmentBytes}. Make large values terraform variables, which go into a file`,
  );
}

/**
 * A proxy's variable has two spellings, and programs differ in which one wins: a workspace's takes both of the agent's
 * away.
 */
function inheritedOf({ inherited = {}, variables }: EnvironmentOptions): Readonly<Record<string, string>> {
  const own = new Set(variables.map(({ name }) => name.toLowerCase()).filter((name) => name.endsWith("_proxy")));
  return Object.fromEntries(Object.entries(inherited).filter(([name]) => !own.has(name.toLowerCase())));
}

function agentSettings({
  path,
  home,
  temporaryDirectory,
  cliConfigFile,
  isDebug = false,
}: EnvironmentOptions): Record<string, string> {
  return {
    PATH: path,
    HOME: home,
    TMPDIR: temporaryDirectory,
    TF_CLI_CONFIG_FILE: cliConfigFile ?? "/dev/null",
    CHECKPOINT_DISABLE: "1",
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    // Fewer garbage collections: a fifth less time for small runs, for some memory. Providers inherit it.
    GOGC: "400",
    ...(isDebug ? { TF_LOG: "TRACE" } : {}),
  };
}

/**
 * `TFC_…` for scripts, `TF_VAR_TFC_…` for configurations that declare such a variable (others do not notice). The run's
 * id is written as clients of the TFE API know it. No configuration comes out of a repository: what is said of one is
 * empty, so that a variable that is declared without a default has a value.
 */
function runVariables({ runId, organization, workspace }: RunFacts): Record<string, string> {
  const facts: Record<string, string> = {
    TFC_RUN_ID: `run-${compactId(runId) ?? runId.replace(/^run_/, "")}`,
    TFC_WORKSPACE_NAME: workspace,
    TFC_WORKSPACE_SLUG: `${organization}/${workspace}`,
    TFC_ORGANIZATION_NAME: organization,
    TFC_PROJECT_NAME: projectName,
    TFC_CONFIGURATION_VERSION_GIT_BRANCH: "",
    TFC_CONFIGURATION_VERSION_GIT_COMMIT_SHA: "",
    TFC_CONFIGURATION_VERSION_GIT_TAG: "",
  };
  return Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) => [
      [name, value],
      [`TF_VAR_${name}`, value],
    ]),
  );
}

function checkVariable(name: string, value: string): void {
  const refuse = (why: string): never => {
    throw new WindlassError("validation", `environment variable ${JSON.stringify(name)} cannot be set: ${why}`, {
      metadata: { variable: name },
    });
  };
  const why = whyRefusedVariableName(name);
  if (why !== undefined) refuse(why);
  if (value.includes("\0")) refuse("its value holds a NUL");
  if (Buffer.byteLength(name) + 1 + Buffer.byteLength(value) > maxStringBytes) {
    refuse("it is longer than 128 KiB; make it a terraform variable, which goes into a file");
  }
}
