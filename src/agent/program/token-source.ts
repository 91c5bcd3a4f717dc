import { readFileSync, statSync } from "node:fs";
import type { Environment } from "../../lib/environment.ts";
import { parseToken } from "../../lib/words/tokens.ts";

/** Where the agent token comes from, and what it was at the start. A file is read again at each registration: tokens are rotated. */
export interface AgentTokenSource {
  readonly token: string;
  /** Absent for a token that came as a value, or through a pipe. */
  readonly file?: string | undefined;
  /** The pool that the identity in the file is for; absent for a token of Windlass. */
  readonly pool?: string | undefined;
}

interface Given {
  readonly token: string | undefined;
  readonly tokenFile: string | undefined;
  readonly identityTokenFile?: string | undefined;
  readonly pool?: string | undefined;
}

const fileVariable = "WINDLASS_AGENT_TOKEN_FILE";

/** Finds and checks the token; adds to `problems` what is wrong with it. */
export function tokenSourceOf(
  { token, tokenFile, identityTokenFile, pool }: Given,
  environment: Environment,
  problems: string[],
): AgentTokenSource {
  if (identityTokenFile !== undefined) {
    if (token !== undefined || tokenFile !== undefined)
      problems.push("--identity-token-file takes the place of an agent token: give one of them");
    return identitySourceOf({ file: identityTokenFile, pool }, problems);
  }
  if (pool !== undefined)
    problems.push("--pool belongs to --identity-token-file: an agent token says by itself which pool it is of");
  const file = tokenFile ?? environment[fileVariable];
  const text = tokenFile === undefined ? token : contentOf(tokenFile, problems);
  if (text === undefined) {
    if (tokenFile === undefined)
      problems.push(`an agent token is needed: give --token-file, ${fileVariable} or WINDLASS_AGENT_TOKEN`);
    return { token: "" };
  }
  const problem = tokenProblem(text.trim());
  if (problem !== undefined) problems.push(problem);
  return { token: text.trim(), file: file === undefined || isPassing(file) ? undefined : file };
}

function identitySourceOf(
  { file, pool }: { readonly file: string; readonly pool: string | undefined },
  problems: string[],
): AgentTokenSource {
  if (pool === undefined)
    problems.push("--identity-token-file needs --pool ORG/POOL: an identity is of no pool by itself");
  const text = contentOf(file, problems)?.trim();
  const problem = text === undefined ? undefined : identityProblem(text, file);
  if (problem !== undefined) problems.push(problem);
  return { token: credentialOf(pool ?? "", text ?? ""), file, pool: pool ?? "" };
}

/** As the server takes it in the place of an agent token. */
const credentialOf = (pool: string | undefined, text: string): string =>
  pool === undefined ? text : `${pool}/${text}`;

const identityProblem = (text: string, file: string): string | undefined =>
  /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text)
    ? undefined
    : `${file} holds no OpenID Connect token (three parts with dots between them)`;

/** Why the file of a token is no secret: who beside the agent's user may read it; undefined if nobody may. */
export function whoElseReads({ file }: AgentTokenSource): string | undefined {
  const found = file === undefined ? undefined : statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return undefined;
  const isOfOtherGroup = found.gid !== process.getgid?.();
  const who =
    (found.mode & 0o004) !== 0 ? "everybody" : (found.mode & 0o040) !== 0 && isOfOtherGroup ? "its group" : "";
  if (who === "") return undefined;
  return `${who} may read the agent token in ${file} (mode ${(found.mode & 0o777).toString(8).padStart(4, "0")})`;
}

/** A pipe gives its content once. */
const isPassing = (file: string): boolean => file.startsWith("/dev/") || file.startsWith("/proc/");

function tokenProblem(token: string): string | undefined {
  const form = parseToken(token);
  if (form.kind === "malformed") return "the agent token is no token of Windlass: expected wdl_agt_…";
  if (form.kind === "bad-checksum") return "the agent token is damaged (wrong checksum): copy it again";
  return form.tokenKind === "agt"
    ? undefined
    : `expected an agent token (wdl_agt_…), got a token of kind ${form.tokenKind}`;
}

const textProblem = (text: string, { file = "", pool }: AgentTokenSource): string | undefined =>
  pool === undefined ? tokenProblem(text) : identityProblem(text, file);

function contentOf(path: string, problems: string[]): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    problems.push(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/**
 * The token as it is now. While its file cannot be read, or holds no token (it is just being written), the last good one goes on;
 * `warn` is told why.
 */
export function currentToken(source: AgentTokenSource, warn: (problem: string) => void): () => string {
  let last = source.token;
  return () => {
    if (source.file === undefined) return last;
    const problems: string[] = [];
    const text = contentOf(source.file, problems)?.trim();
    const problem = text === undefined ? problems[0] : textProblem(text, source);
    if (problem !== undefined) warn(problem);
    else if (text !== undefined) last = credentialOf(source.pool, text);
    return last;
  };
}
