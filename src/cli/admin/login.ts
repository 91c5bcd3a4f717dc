import { resolve } from "node:path";
import { Role, SystemService, type WhoAmIResponse } from "../../gen/windlass/v1/system_service_pb.ts";
import { given } from "../../lib/values/records.ts";
import { parseToken, type TokenKind } from "../../lib/words/tokens.ts";
import { toggle } from "../line/flags.ts";
import { CliError, usageError } from "../problems/problem.ts";
import { normalAddresses } from "../server/address.ts";
import { type SavedContext, withContext, writeConfig } from "../server/config-file.ts";
import { Context } from "../server/context.ts";
import { ticked } from "../shared/answers.ts";
import { command, maybe } from "../shared/command.ts";
import { askSecret } from "../shared/prompts.ts";
import { readStdin } from "../terminal/io.ts";
import { enumText } from "../terminal/words.ts";

export const login = command({
  name: "login",
  summary: "Save a server and a token as a context, and use it",
  examples: [
    "windlass login https://tf.example.com",
    "windlass login https://tf1.example.com,https://tf2.example.com --token-stdin < token",
    "windlass login --token-stdin < DATA_DIR/admin-token",
  ],
  positionals: { address: maybe("ADDRESS", "of the server, several with commas between; else the one in use") },
  flags: { tokenStdin: toggle("read the token from stdin") },
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context, { args, flags }) => {
    const before = await contextBefore(context, args.address);
    const address = (await before.connection()).address.value;
    await describeServer(before);
    const token = checkToken(await readToken(before, flags.tokenStdin === true, address));
    const who = await whoHolds(before, token);
    const saved = await savedContext(before, { token, who, name: context.globals.context });
    const { config, configPath } = await before.connection();
    await writeConfig(configPath.value, withContext(config, saved));
    const text = `Logged in as ${who.name || who.id} (${roleText(who)}). Context "${saved.name}" saved and in use`;
    await context.printer.plain({ context: saved.name, address, name: who.name }, [ticked(context, text)]);
    if (context.printer.isForPeople) context.notes.next([{ label: "Next", command: "windlass status" }]);
    return undefined;
  },
});

/** `login` names contexts that do not exist yet, so `--context` here is a name to save under and selects nothing. */
async function contextBefore(context: Context, given: string | undefined): Promise<Context> {
  const named = given === undefined ? {} : { address: normalAddresses(given) };
  const isNew = context.globals.context !== undefined && !(await isSaved(context));
  const without = isNew ? { context: undefined } : {};
  return new Context(context.io, { ...context.globals, ...named, ...without }, context.repeatable);
}

async function isSaved(context: Context): Promise<boolean> {
  const plain = new Context(context.io, { ...context.globals, context: undefined }, []);
  const { config } = await plain.connection();
  return config.contexts.some(({ name }) => name === context.globals.context);
}

/** Asks the server what it is, without a credential: so a wrong address is not taken for a wrong token. */
async function describeServer(context: Context): Promise<void> {
  using anonymous = await context.withToken(undefined);
  const client = await anonymous.publicClient(SystemService);
  const { version } = await client.getServerInfo({});
  context.notes.verbose(`server version ${version}`);
}

async function readToken(context: Context, fromStdin: boolean, address: string): Promise<string> {
  if (fromStdin) return (await readStdin(context.io)).trim();
  if (context.globals.tokenFile !== undefined) return (await context.connection()).token.value ?? "";
  if (context.isInteractive) return askSecret(context, `Paste a token for ${address} (it is not shown)`);
  throw usageError("nobody can be asked for a token here: send it on stdin", [
    { label: "From a file", command: `windlass login ${address} --token-stdin < TOKEN_FILE` },
    { label: "First time, on the server", command: `windlass login ${address} --token-stdin < DATA_DIR/admin-token` },
  ]);
}

const wrongKinds: Readonly<Record<TokenKind, string | undefined>> = {
  usr: undefined,
  agt: "this is an agent token: it admits a windlass-agent, which reads it from WINDLASS_AGENT_TOKEN",
  ses: "this is the token of an agent's session, which people cannot use",
  job: "this is the token of a job, which people cannot use",
  web: "this is the cookie of a browser, which is good for that browser alone",
};

function checkToken(token: string): string {
  const parsed = parseToken(token);
  if (token === "") throw tokenRefused("no token was given");
  if (parsed.kind === "malformed") throw tokenRefused("this is not a token: one begins with wdl_usr_");
  if (parsed.kind === "bad-checksum") throw tokenRefused("this token has a typing error, or a part of it is missing");
  const wrong = wrongKinds[parsed.tokenKind];
  if (wrong !== undefined) throw tokenRefused(wrong);
  return token;
}

const tokenRefused = (message: string): CliError =>
  new CliError("notAllowed", message, { code: "UNAUTHENTICATED", reason: "TOKEN_INVALID" });

async function whoHolds(context: Context, token: string): Promise<WhoAmIResponse> {
  using candidate = await context.withToken(token);
  const client = await candidate.client(SystemService);
  return await client.whoAmI({});
}

interface Found {
  readonly token: string;
  /** Of `--context`. */
  readonly name: string | undefined;
  readonly who: WhoAmIResponse;
}

async function savedContext(context: Context, { token, who, name: asked }: Found): Promise<SavedContext> {
  const { address, addresses, organization, tls, config } = await context.connection();
  const name = asked ?? nameFor(addresses[0] ?? "");
  const kept = config.contexts.find((one) => one.name === name && one.address === address.value);
  const only = who.organizations.length === 1 ? who.organizations[0] : undefined;
  const chosen = organization.value || only;
  // The next command may start in another directory.
  const saved = (file: "caFile" | "certFile" | "keyFile") => {
    const path = tls[file].value;
    return path === undefined ? undefined : resolve(context.io.workingDirectory, path);
  };
  return {
    ...kept,
    name,
    address: address.value,
    token,
    ...given({
      organization: chosen,
      caFile: saved("caFile"),
      certFile: saved("certFile"),
      keyFile: saved("keyFile"),
      serverName: tls.serverName.value,
      insecure: tls.insecure.value || undefined,
    }),
  };
}

const nameFor = (address: string): string => new URL(address).host;

/** `site admin`, or `operator of acme`. */
export function roleText({ role, organizations }: WhoAmIResponse): string {
  if (role === Role.SITE_ADMIN) return "site admin";
  const word = enumText(Role, role) || "no role";
  return organizations.length === 0 ? word : `${word} of ${organizations.join(", ")}`;
}

export const logout = command({
  name: "logout",
  summary: "Forget the token of a context",
  examples: ["windlass logout", "windlass logout --all"],
  flags: { all: toggle("forget the tokens of every context") },
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context, { flags }) => {
    const { config, configPath, context: chosen } = await context.connection();
    if (chosen === undefined && flags.all !== true)
      throw usageError("no context is in use: there is nothing to forget");
    const isMeant = ({ name }: SavedContext) => flags.all === true || name === chosen?.name;
    const forgotten = config.contexts.filter(isMeant).map(({ name }) => name);
    const contexts = config.contexts.map((one) => (isMeant(one) ? withoutToken(one) : one));
    await writeConfig(configPath.value, { ...config, contexts });
    const text = `Forgot the token of ${forgotten.join(", ") || "no context"}. On the server it is still valid`;
    await context.printer.plain({ contexts: forgotten }, [ticked(context, text)]);
    return undefined;
  },
});

function withoutToken({
  token: _token,
  tokenFile: _file,
  tokenCommand: _command,
  ...rest
}: SavedContext): SavedContext {
  return rest;
}
