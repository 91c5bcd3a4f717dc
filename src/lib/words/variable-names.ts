const providersAreSaid =
  "is said by the agent's owner, with --cli-config, or by the setting providers of the pool or organization";

/** Names a workspace's environment variable may not have, and why; a trailing `*` stands for any ending. */
const refused: ReadonlyArray<readonly [pattern: string, why: string]> = [
  [
    "TF_CLI_ARGS_INIT",
    `it would change terraform's arguments behind the run's back; where providers come from ${providersAreSaid}`,
  ],
  ["TF_CLI_ARGS*", "it would change terraform's arguments behind the run's back"],
  ["TF_CLI_CONFIG_FILE", `the agent sets it; where providers come from ${providersAreSaid}`],
  ["TERRAFORM_CONFIG", `the agent sets it; where providers come from ${providersAreSaid}`],
  ["TF_DATA_DIR", "the agent sets it"],
  ["TF_WORKSPACE", "terraform.workspace is the name of the workspace"],
  ["TF_INPUT", "a run cannot answer questions"],
  ["TF_IN_AUTOMATION", "the agent sets it"],
  ["TF_LOG*", "terraform's debug log holds secrets"],
  ["TF_TEMP_LOG_PATH", "terraform's debug log holds secrets"],
  [
    "TF_PLUGIN_CACHE*",
    "a cache shared by jobs is a way from one job to another; the agent has a cache of its own, --provider-cache",
  ],
  ["TF_STATE_PERSIST_INTERVAL", "the agent takes care of the state"],
  ["TF_FORCE_LOCAL_BACKEND", "the agent takes care of the state"],
  ["TF_HTTP_*", "the agent takes care of the state"],
  ["TF_REATTACH_PROVIDERS", "providers are started by terraform only"],
  ["TF_SCHEMA_PANIC_ON_ERROR", "it would crash terraform, and a crash loses what is not in the state yet"],
  ["TOFU_CPU_PROFILE", "it would make OpenTofu write a file in a place of its own"],
  ["TOFU_X_*", "it would make OpenTofu plan and apply in a way that is only tried out"],
  ["CHECKPOINT_DISABLE", "the agent sets it"],
  ["WINDLASS_*", "these names belong to the agent itself"],
  ["GOGC", "the agent sets it"],
  ["GODEBUG", "it changes how terraform itself runs"],
  ["PATH", "the agent sets it"],
  ["HOME", "the agent sets it"],
  ["TMPDIR", "the agent sets it"],
  ["PWD", "the agent sets it"],
  ["OLDPWD", "the agent sets it"],
  ["IFS", "it changes how every shell reads its commands"],
  ["SHELLOPTS", "it changes how every shell reads its commands"],
  ["BASHOPTS", "it changes how every shell reads its commands"],
  ["BASH_ENV", "it would run a file at the start of every shell"],
  ["BASH_FUNC_*", "it would replace commands of every shell"],
  ["ENV", "it would run a file at the start of every shell"],
  ["PROMPT_COMMAND", "it would run a command in every shell"],
  ["PS4", "it would run a command in every shell"],
  ["LD_*", "it would load code into every program of the run"],
  ["DYLD_*", "it would load code into every program of the run"],
  ["GCONV_PATH", "it would load code into every program of the run"],
  ["NODE_OPTIONS", "it would load code into every program of the run"],
];

/** The names, in upper case; a trailing `*` stands for any ending. */
export const refusedPatterns: readonly string[] = refused.map(([pattern]) => pattern);

const environmentName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const terraformName = /^[\p{L}_][\p{L}\p{N}_-]*$/u;

/** Greatest length of a variable's name, in characters (HCP Terraform's). */
export const maxVariableNameLength = 128;

/** Why a workspace environment variable may not have this name, as the end of a sentence; undefined when it may. */
export function whyRefusedVariableName(name: string): string | undefined {
  if (!environmentName.test(name)) return whyNoName(name);
  if (name.length > maxVariableNameLength) return `a variable's name has at most ${maxVariableNameLength} characters`;
  return refused.find(([pattern]) => matches(pattern, name.toUpperCase()))?.[1];
}

function whyNoName(name: string): string {
  const rule = "an environment variable's name has only letters, digits and _, and starts with no digit";
  const host = /^TF_TOKEN_(.+)$/i.exec(name)?.[1];
  if (host === undefined) return rule;
  if (/^[A-Za-z0-9.-]+$/.test(host)) {
    const spelled = `TF_TOKEN_${host.replaceAll("-", "__").replaceAll(".", "_")}`;
    return `${rule}: for the host ${host} it is ${spelled}`;
  }
  return `${rule}: the token of a host with a port belongs into a credentials block of the agent's --cli-config, or into the setting providers of the pool or organization`;
}

/** True when a workspace environment variable may not have this name: it would reach into terraform or the agent. */
export const isRefusedVariableName = (name: string): boolean => whyRefusedVariableName(name) !== undefined;

/** True when terraform can have an input variable of this name. */
export const isTerraformVariableName = (name: string): boolean =>
  name.length <= maxVariableNameLength && terraformName.test(name);

const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
