import { existsSync } from "node:fs";
import { join } from "node:path";
import { isWithin } from "../agent/sandbox/bubblewrap.ts";
import { chooseSandbox } from "../agent/sandbox/choose-sandbox.ts";
import { type Check, fail, ok, warn } from "../lib/checks/check.ts";
import type { Environment } from "../lib/environment.ts";
import type { Log } from "../lib/program/log.ts";
import type { ServerSettings } from "./settings.ts";

/**
 * Whether jobs of remote workspaces run here. They run beside the keys of every organization: never without a sandbox
 * unless somebody said so.
 */
export type ServerAgentChoice =
  | { readonly kind: "sandboxed" }
  /** `--sandbox none` was said. */
  | { readonly kind: "unprotected" }
  /** No server agent. */
  | {
      readonly kind: "none";
      /** What to do for having one. */
      readonly cure: string;
      readonly why?: string | undefined;
    };

export async function chooseServerAgent(
  { sandbox, serverAgentConcurrency }: Pick<ServerSettings, "sandbox" | "serverAgentConcurrency">,
  environment: Environment,
): Promise<ServerAgentChoice> {
  if (serverAgentConcurrency === 0)
    return {
      kind: "none",
      cure: `${noAgent}: start windlassd with --server-agent-concurrency 1, or ${elsewhere}`,
    };
  if (sandbox === "none") return { kind: "unprotected" };
  const chosen = await chooseSandbox("bwrap", environment.PATH ?? "");
  if (chosen.kind === "chosen") return { kind: "sandboxed" };
  const cure = `${noAgent}, as its jobs would have no sandbox (${chosen.why}): ${howToProtect}, or ${elsewhere}`;
  return { kind: "none", cure, why: chosen.why };
}

const noAgent = "the control plane runs without a server agent";
const elsewhere = "assign the workspace to a pool";
const howToProtect = "install bubblewrap and allow user namespaces on the server";

/** Where the keys are that a job without a sandbox could read. */
export interface KeyFiles {
  readonly masterKey: string;
  readonly adminKey: string;
}

export const keyFilesOf = (settings: ServerSettings, dataDir: string): KeyFiles => ({
  masterKey: settings.masterKey === undefined ? join(dataDir, "master.key") : "WINDLASS_MASTER_KEY",
  adminKey: settings.adminTokenFile ?? join(dataDir, "admin-token"),
});

/** One loud line at the start for what is not safe. */
export function warnOfServerAgent(log: Log, choice: ServerAgentChoice, keys: KeyFiles): void {
  if (choice.kind === "unprotected")
    log.warn(
      { ...keys },
      "jobs of remote workspaces run WITHOUT A SANDBOX (--sandbox none): whoever may start a run can read the master key and the admin key, and with them the data of every organization",
    );
  if (choice.kind === "none" && choice.why !== undefined)
    log.error(
      { reason: choice.why },
      `NO SERVER AGENT: its jobs would have no sandbox, and runs of remote workspaces wait: ${howToProtect}, use agents of a pool, or say --sandbox none, which lets jobs read the master key and the admin key`,
    );
}

/**
 * The server does not need the admin's key after its first start; while it lies beside the data it can be stolen with
 * them.
 */
export function warnOfAdminKey(log: Log, dataDir: string, { adminKey }: KeyFiles): void {
  if (!isBesideData(dataDir, adminKey)) return;
  log.warn(
    { file: adminKey },
    "THE ADMIN KEY LIES IN THE DATA DIRECTORY: the server does not need it; move it to a safe place (windlassd admin-token --rotate makes another one)",
  );
}

const isBesideData = (dataDir: string, adminKey: string): boolean =>
  existsSync(adminKey) && isWithin(adminKey, dataDir);

export function checkAdminKey(dataDir: string, { adminKey }: KeyFiles): Check {
  const id = "admin-key";
  if (!isBesideData(dataDir, adminKey)) return ok(id, "the admin's key does not lie in the data directory");
  return warn(
    id,
    `the admin's key lies in ${adminKey}; the server does not need it`,
    `move ${adminKey} to a safe place`,
  );
}

/** How the jobs of remote workspaces are kept away from the server's keys. */
export async function checkServerSandbox(
  settings: ServerSettings,
  environment: Environment,
  keys: KeyFiles,
): Promise<Check> {
  const id = "sandbox";
  const choice = await chooseServerAgent(settings, environment);
  switch (choice.kind) {
    case "sandboxed":
      return ok(id, "jobs of remote workspaces run in bubblewrap");
    case "unprotected":
      return fail(
        id,
        `jobs of remote workspaces run without a sandbox: they can read the master key (${keys.masterKey}) and the admin key (${keys.adminKey})`,
        `${howToProtect} and take --sandbox none away, or give --server-agent-concurrency 0`,
      );
    case "none":
      return fail(id, choice.cure, `${howToProtect}, or give --server-agent-concurrency 0`);
  }
}
