import type { Environment } from "../lib/environment.ts";
import { didYouMean } from "./suggest.ts";

/** The variables that `windlass` reads, and what each one does. */
export const clientVariables: Readonly<Record<string, string>> = {
  WINDLASS_ADDRESS: "--address",
  WINDLASS_ORG: "--org",
  WINDLASS_CONTEXT: "--context",
  WINDLASS_CONFIG: "--config",
  WINDLASS_TOKEN: "the token itself",
  WINDLASS_TOKEN_FILE: "--token-file",
  WINDLASS_CA_FILE: "--ca-file",
  WINDLASS_CERT_FILE: "--cert-file",
  WINDLASS_KEY_FILE: "--key-file",
  WINDLASS_SERVER_NAME: "--server-name",
  WINDLASS_INSECURE: "--insecure",
  WINDLASS_OUTPUT: "--output",
  WINDLASS_TIMEOUT: "--timeout",
  WINDLASS_NO_INPUT: "--no-input (so does CI)",
  WINDLASS_DEBUG: "--debug",
  WINDLASS_NO_DELETE: "refuse every command that deletes or revokes",
};

/** Variables of `windlassd`; those of `windlass-agent` begin with `WINDLASS_AGENT_`. Each also exists with `_FILE` at its end. */
const serverVariables = [
  "ADMIN_TOKEN",
  "AGENT_TOKEN",
  "ALLOW_PLAINTEXT",
  "BLOB_URL",
  "DATABASE_URL",
  "DATA_DIR",
  "EXITED_AGENT_TTL",
  "KEDA",
  "KEEP_CONFIGS",
  "KEEP_LOGS",
  "KEEP_RUNS",
  "LISTEN",
  "LOG_FORMAT",
  "LOG_LEVEL",
  "MASTER_KEY",
  "METRICS_LISTEN",
  "MIGRATE",
  "PUBLIC_URL",
  "SERVER_AGENT_CONCURRENCY",
  "SERVER_CONFIG",
  "SERVER_ENGINE_KEYS",
  "SERVER_ENGINE_MIRROR",
  "SERVER_ENGINE_PATH",
  "SERVER_NO_ENGINE_DOWNLOAD",
  "SERVER_SANDBOX",
  "SHUTDOWN_TIMEOUT",
  "TLS_CERT_FILE",
  "TLS_CLIENT_CA_FILE",
  "TLS_KEY_FILE",
].map((name) => `WINDLASS_${name}`);

/** One warning for each `WINDLASS_…` variable that none of the three programs reads. */
export function unknownVariables(environment: Environment): readonly string[] {
  const client = Object.keys(clientVariables);
  return Object.keys(environment)
    .filter((name) => name.startsWith("WINDLASS_") && !isKnown(name, client))
    .sort()
    .map((name) => `${name} is not a variable of Windlass.${didYouMean(name, client, (known) => known)}`);
}

const isKnown = (name: string, client: readonly string[]): boolean =>
  client.includes(name) ||
  name.startsWith("WINDLASS_AGENT_") ||
  serverVariables.some((known) => name === known || name === `${known}_FILE`);

/** The value of a variable; an empty one counts as not set. */
export const variable = (environment: Environment, name: string): string | undefined =>
  environment[name] === "" ? undefined : environment[name];

/** True for `true` and `1`. */
export const isOn = (value: string | undefined): boolean => value === "true" || value === "1";
