import { delimiter, isAbsolute } from "node:path";
import type { Environment } from "../../../lib/environment.ts";
import { refusedPatterns, whyRefusedVariableName } from "../../../lib/words/variable-names.ts";
import type { PassedEnvironment } from "../../contract/config.ts";

/** What is wrong with a name or pattern of `--pass-env`, as a sentence; undefined when it may be passed. */
export function whyNotPassed(name: string): string | undefined {
  if (!name.endsWith("*")) {
    const why = whyRefusedVariableName(name);
    return why === undefined ? undefined : `--pass-env: ${name} cannot be passed to jobs: ${why}`;
  }
  const beginning = name.slice(0, -1);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(beginning))
    return `--pass-env: expected names such as HTTPS_PROXY or TF_TOKEN_*, got ${JSON.stringify(name)}`;
  const refused = refusedPatterns.find((pattern) => overlaps(pattern, beginning.toUpperCase()));
  return refused === undefined
    ? undefined
    : `--pass-env: ${name} would pass ${refused}, which jobs must not get: name what they need`;
}

const overlaps = (pattern: string, beginning: string): boolean => {
  const literal = pattern.replace(/\*$/, "");
  return literal.startsWith(beginning) || (pattern.endsWith("*") && beginning.startsWith(literal));
};

/** The variables that names and patterns stand for. An empty value is none. */
export function passEnvironment(names: readonly string[], environment: Environment): PassedEnvironment {
  const values: Record<string, string> = {};
  const missing: string[] = [];
  for (const name of names) {
    const found = Object.entries(environment).filter(
      ([one, value]) => (value ?? "") !== "" && fits(one, name) && whyRefusedVariableName(one) === undefined,
    );
    if (found.length === 0) missing.push(name);
    for (const [one, value] of found) values[one] = value ?? "";
  }
  return { values, missing };
}

const fits = (one: string, name: string): boolean =>
  name.endsWith("*") ? one.startsWith(name.slice(0, -1)) : one === name;

const secretName = /TOKEN|SECRET|PASSW|PASSPHRASE|PRIVATE_?KEY|API_?KEY|ACCESS_KEY$|CREDENTIALS/i;

/** What of passed variables must not be seen in a log: tokens, passwords, and the passwords in addresses. */
export function secretsOfEnvironment(values: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    secretName.test(name) && !/ACCESS_KEY_ID$/i.test(name) ? [value] : passwordsIn(value),
  );
}

/** A password stands in an address as it is typed, and in messages often decoded. */
function passwordsIn(value: string): readonly string[] {
  const typed = /^[a-z][a-z0-9+.-]*:\/\/[^/@:]*:([^/@]+)@/i.exec(value)?.[1];
  if (typed === undefined) return [];
  try {
    return [...new Set([typed, decodeURIComponent(typed)])];
  } catch {
    return [typed];
  }
}

/** Files and directories that hold the authorities which passed variables name. */
export const certificatePaths = (values: Readonly<Record<string, string>>): readonly string[] =>
  [values.SSL_CERT_FILE ?? "", ...(values.SSL_CERT_DIR ?? "").split(delimiter)].filter(isAbsolute);
