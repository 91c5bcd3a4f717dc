import { accessSync, closeSync, constants } from "node:fs";
// biome-ignore lint/correctness/noUnresolvedImports: the linter does not know this module of Node
import { isSea } from "node:sea";
import { type Environment, readEnvironment } from "../../lib/environment.ts";
import { given } from "../../lib/values/records.ts";

export const tokenVariable = "WINDLASS_AGENT_TOKEN";
/** With what KEDA asks the server: it can read that from the environment of an agent alone, and the agent has no use for it. */
const scalerVariable = "KEDA_TOKEN";
const hiddenToken = "/dev/fd/3";

/** HCP Terraform's name of it; once the token was taken from there, it is left empty. */
const hcpVariable = "TFC_AGENT_TOKEN";

/** A shell hands the token over in a pipe: it is in no argument, in no file, and no longer in the environment. */
const handOver = `token=\${${tokenVariable}:-$${hcpVariable}}
unset ${tokenVariable}
[ -z "\${${hcpVariable}-}" ] || ${hcpVariable}=
exec "$@" 3<<END
$token
END
`;

/**
 * Starts this program anew, as the same process, when its token came by the environment: /proc would show that to every
 * process of the same user, for as long as the process lives. Returns when there is nothing to hide, or no way to.
 */
export function hideToken(environment: Environment = readEnvironment()): void {
  const { [scalerVariable]: scalerToken, ...others } = environment;
  const isGiven = [tokenVariable, hcpVariable].some((name) => (environment[name] ?? "") !== "");
  const isInFile = (environment[`${tokenVariable}_FILE`] ?? "") !== "" && (environment[tokenVariable] ?? "") === "";
  const hasToken = isGiven && !isInFile;
  if ((!hasToken && scalerToken === undefined) || !canStartAnew()) return;
  // A single executable brings Node's options itself, and would take any that is given for its own.
  const words = process.argv.slice(isSea() ? 2 : 1);
  const self = [process.execPath, ...(isSea() ? [] : process.execArgv), ...words];
  if (!hasToken) process.execve?.(process.execPath, self, given(others));
  const env = { ...given(others), [`${tokenVariable}_FILE`]: hiddenToken };
  process.execve?.("/bin/sh", ["sh", "-c", handOver, "sh", ...self], env);
}

/** Whether the token came by the environment, and has been taken from there. */
export const isHiddenToken = (environment: Environment): boolean =>
  environment[`${tokenVariable}_FILE`] === hiddenToken;

/** After the settings are read: nothing of the token is left behind the descriptor, and nothing needs it. */
export function forgetHiddenToken(environment: Environment): void {
  if (!isHiddenToken(environment)) return;
  try {
    closeSync(Number(hiddenToken.slice("/dev/fd/".length)));
  } catch {
    // Somebody else gave that name, and no such descriptor.
  }
}

/** A failed start would end the process, so everything it needs is looked at before. */
function canStartAnew(): boolean {
  if (process.platform !== "linux" || process.execve === undefined) return false;
  try {
    for (const program of ["/bin/sh", process.execPath]) accessSync(program, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
