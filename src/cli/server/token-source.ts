import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Environment } from "../../lib/environment.ts";
import { runProgram } from "../../lib/program/run-program.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { fieldOf } from "../../lib/values/records.ts";
import { variable } from "../line/environment.ts";
import { CliError } from "../problems/problem.ts";
import type { SavedContext } from "./config-file.ts";

/** A secret and where it came from. */
export interface FoundToken {
  readonly value: string;
  readonly origin: string;
}

interface Places {
  /** `--token-file`. */
  readonly flag: string | undefined;
  readonly environment: Environment;
  /** Only if its token may be sent to the address in use. */
  readonly context: SavedContext | undefined;
  readonly addresses: readonly string[];
}

/** The first token of: flag, environment, context, terraform's own credentials for this host. */
export async function findToken({ flag, environment, context, addresses }: Places): Promise<FoundToken | undefined> {
  if (flag !== undefined) return { value: await readToken(flag, "--token-file"), origin: `--token-file ${flag}` };
  const direct = variable(environment, "WINDLASS_TOKEN");
  if (direct !== undefined) return { value: direct.trim(), origin: "WINDLASS_TOKEN" };
  const file = variable(environment, "WINDLASS_TOKEN_FILE");
  if (file !== undefined) {
    return { value: await readToken(file, "WINDLASS_TOKEN_FILE"), origin: `WINDLASS_TOKEN_FILE ${file}` };
  }
  return (await tokenOfContext(context)) ?? (await tokenOfAll(environment, addresses));
}

async function tokenOfContext(context: SavedContext | undefined): Promise<FoundToken | undefined> {
  if (context === undefined) return undefined;
  const origin = `context ${context.name}`;
  if (context.token !== undefined) return { value: context.token, origin };
  if (context.tokenFile !== undefined) return { value: await readToken(context.tokenFile, origin), origin };
  const [program, ...args] = context.tokenCommand ?? [];
  return program === undefined ? undefined : { value: await runForToken(program, args, origin), origin };
}

async function readToken(path: string, origin: string): Promise<string> {
  const content = await readFile(path, "utf8").catch((error: unknown) => {
    throw new CliError("notAllowed", `the token file of ${origin} cannot be read: ${messageOf(error)}`);
  });
  const token = content.trim();
  if (token === "") throw new CliError("notAllowed", `the token file of ${origin}, ${path}, is empty`);
  return token;
}

async function runForToken(program: string, args: readonly string[], origin: string): Promise<string> {
  const { stdout, stderr, failure } = await runProgram(program, args);
  if (failure === undefined) return stdout.trim();
  const why = [failure, stderr.trim()].filter((text) => text !== "").join("\n");
  throw new CliError("notAllowed", `the token command of ${origin} failed: ${why}`);
}

/** A token that terraform has for each of these hosts: one of them alone is shown no token of another. */
async function tokenOfAll(environment: Environment, addresses: readonly string[]): Promise<FoundToken | undefined> {
  const found = await Promise.all(addresses.map((address) => tokenOfTerraform(environment, address)));
  const [first] = found;
  return found.every((one) => one?.value === first?.value) ? first : undefined;
}

/**
 * Terraform's forms, read only:
 * https://developer.hashicorp.com/terraform/cli/config/config-file#environment-variable-credentials
 */
async function tokenOfTerraform(environment: Environment, address: string): Promise<FoundToken | undefined> {
  const { hostname, host } = new URL(address);
  const name = `TF_TOKEN_${hostname.replaceAll("-", "__").replaceAll(".", "_")}`;
  const fromVariable = variable(environment, name);
  if (fromVariable !== undefined) return { value: fromVariable, origin: name };
  const path = join(variable(environment, "HOME") ?? homedir(), ".terraform.d", "credentials.tfrc.json");
  const content = await readFile(path, "utf8").catch(() => undefined);
  const token = content === undefined ? undefined : tokenInCredentials(content, host);
  return token === undefined ? undefined : { value: token, origin: path };
}

function tokenInCredentials(content: string, host: string): string | undefined {
  try {
    const credentials = fieldOf(JSON.parse(content), "credentials");
    const token = fieldOf(fieldOf(credentials, host), "token");
    return typeof token === "string" ? token : undefined;
  } catch {
    return undefined;
  }
}
