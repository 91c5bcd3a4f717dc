import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type ProviderSettings, ProviderSettingsSchema } from "../../gen/windlass/v1/provider_settings_pb.ts";
import { ProviderSettingsService } from "../../gen/windlass/v1/provider_settings_service_pb.ts";
import { certificateProblem, holdsPrivateKey } from "../../lib/net/pem.ts";
import { counted } from "../../lib/text/counted.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { given } from "../../lib/values/records.ts";
import { checkHost } from "../../lib/words/provider-names.ts";
import { list, repeated, text, toggle } from "../line/flags.ts";
import { CliError, type Hint, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerChanged, answerGone, goneFormats, maskOf } from "../shared/answers.ts";
import { assignments, type VariableAssignment } from "../shared/assignments.ts";
import { type Command, command } from "../shared/command.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import type { Io } from "../terminal/io.ts";
import { warnOfShortSecrets } from "../workspace/variable-view.ts";
import { type NewSource, readSource } from "./provider-sources.ts";
import { settingsLines, settingsName, settingsTitle } from "./provider-view.ts";

const pool = text("of this agent pool, not of the whole organization", { placeholder: "POOL" });
const dryRun = toggle("only check, and change nothing");

/** How requests name the settings that a command is about. */
const scopeOf = async (context: Context, flags: { readonly pool: string | undefined }) => ({
  organization: await context.organization(),
  agentPool: flags.pool ?? "",
});
type Scope = Awaited<ReturnType<typeof scopeOf>>;

async function read(context: Context, scope: Scope, effective = false): Promise<ProviderSettings> {
  const client = await context.client(ProviderSettingsService);
  return (await client.getProviderSettings({ ...scope, effective })).providerSettings ?? create(ProviderSettingsSchema);
}

interface Changes {
  readonly sources: readonly NewSource[] | undefined;
  readonly hosts: readonly { readonly host: string; readonly token: string }[] | undefined;
  readonly caCertificates: string | undefined;
}

interface Edit {
  readonly scope: Scope;
  readonly changes: Changes;
  /** Empty overwrites whatever is there. */
  readonly etag: string;
  readonly isTrial: boolean;
}

async function update(context: Context, { scope, changes, etag, isTrial }: Edit): Promise<undefined> {
  const { sources, hosts, caCertificates } = changes;
  const wanted = given({ sources: sources && [...sources], hosts: hosts && [...hosts], caCertificates });
  const updateMask = maskOf({ sources, hosts, ca_certificates: caCertificates });
  const client = await context.client(ProviderSettingsService);
  const request = { ...scope, changes: wanted, updateMask, etag, validateOnly: isTrial };
  const message = (await client.updateProviderSettings(request)).providerSettings ?? create(ProviderSettingsSchema);
  for (const warning of message.warnings) context.notes.warn(warning);
  const done = `${isTrial ? "Could change" : "Changed"} where jobs of ${settingsTitle(message)} take providers from`;
  const shown = { schema: ProviderSettingsSchema, message, name: settingsName(message), done };
  return answerChanged(context, shown, isTrial ? [] : nextSteps(context, message));
}

function nextSteps(context: Context, { agentPool, sources }: ProviderSettings): readonly Hint[] {
  const paths = sources.flatMap(({ source }) => (source.case === "filesystemMirror" ? [source.value.path] : []));
  const show = {
    label: "On each agent with a sandbox",
    command: `windlass-agent --sandbox-paths ${paths.join(",")} …`,
  };
  const look = { label: "What jobs get", command: context.command(`providers get${poolFlag(agentPool)} --effective`) };
  return paths.some((path) => !path.startsWith("/usr/")) ? [look, show] : [look];
}

const poolFlag = (name: string): string => (name === "" ? "" : ` --pool ${name}`);

const get = command({
  name: "get",
  summary: "Show where jobs take providers from; tokens never come back",
  examples: [
    "windlass providers get",
    "windlass providers get --pool prod",
    "windlass providers get --pool prod --effective",
  ],
  flags: { pool, effective: toggle("what jobs get: the pool's settings over those of the organization") },
  run: async (context, { flags }) => {
    const message = await read(context, await scopeOf(context, flags), flags.effective === true);
    const shown = { schema: ProviderSettingsSchema, message, name: settingsName(message) };
    await context.printer.resource({ ...shown, lines: settingsLines(message) });
    for (const warning of message.warnings) context.notes.warn(warning);
    return undefined;
  },
});

const set = command({
  name: "set",
  summary: "Say where jobs take providers from: mirrors, registries' tokens, certificates",
  examples: [
    "windlass providers set --source https://mirror.example.com/providers/",
    "windlass providers set --source '/opt/p,include=acme/*' --source 'direct,exclude=acme/*'",
    "windlass providers set --registry registry.example.com:9443=- < token",
    "windlass providers set --registry registry.example.com=@token --registry-ca ca.pem",
  ],
  flags: {
    pool,
    source: repeated(
      "all sources anew, the best first: /PATH on the agents, https://MIRROR/ or direct, with ,include=PATTERN and ,exclude=PATTERN behind it",
      { placeholder: "SOURCE" },
    ),
    registry: repeated("the token of a registry or mirror: HOST=- reads it from stdin, HOST=@FILE from a file", {
      placeholder: "HOST=TOKEN",
    }),
    registryCa: text("trust these certificates too (PEM); replaces those that are there", { placeholder: "FILE" }),
    dryRun,
  },
  run: async (context, { flags }) => {
    const scope = await scopeOf(context, flags);
    const tokens = await tokensOf(context.io, flags.registry);
    const sources = flags.source.length === 0 ? undefined : flags.source.map(readSource);
    const caCertificates =
      flags.registryCa === undefined ? undefined : await certificatesOf(context.io, flags.registryCa);
    if (tokens.length === 0 && sources === undefined && caCertificates === undefined)
      throw usageError("nothing to set: give --source, --registry or --registry-ca (see --help)");
    warnOfShortSecrets(
      context.notes,
      tokens.map(({ key, value }) => ({ key, value, sensitive: true })),
    );
    const before = tokens.length === 0 ? undefined : await read(context, scope);
    const hosts = before && withTokens(before, tokens);
    const edit = { scope, changes: { sources, hosts, caCertificates }, isTrial: flags.dryRun === true };
    return update(context, { ...edit, etag: before?.etag ?? "" });
  },
});

/** A token is one line: the newline at the end of its file is none of it. */
async function tokensOf(io: Io, texts: readonly string[]): Promise<readonly VariableAssignment[]> {
  const bare = texts.find((one) => !one.includes("="));
  if (bare === undefined)
    return (await assignments(io, texts)).map(({ key, value }) => ({ key, value: value.replace(/\r?\n$/, "") }));
  throw usageError(`--registry ${bare}: say where its token comes from: ${bare}=- is stdin, ${bare}=@FILE a file`);
}

/** Certificates from a file. A private key that lies in the same file does not leave this machine. */
async function certificatesOf({ workingDirectory }: Io, file: string): Promise<string> {
  const text = await readFile(resolve(workingDirectory, file), "utf8").catch((error: unknown) => {
    throw usageError(`--registry-ca: ${file} cannot be read: ${messageOf(error)}`);
  });
  const problem = certificateProblem(text);
  if (problem !== undefined) throw usageError(`--registry-ca: ${file} ${problem}`);
  if (holdsPrivateKey(text))
    throw usageError(`--registry-ca: ${file} holds a private key beside certificates: give the certificates only`);
  return text;
}

/** The name under which the server knows a host. */
function hostKey(host: string): string {
  const checked = checkHost(host);
  return checked.kind === "good" ? checked.value : host;
}

/** All hosts, these with their new tokens; the others keep theirs, which nobody here knows. */
function withTokens({ hosts }: ProviderSettings, tokens: readonly VariableAssignment[]): Changes["hosts"] {
  const renewed = new Set(tokens.map(({ key }) => hostKey(key)));
  const others = hosts.filter(({ host }) => !renewed.has(host)).map(({ host }) => ({ host, token: "" }));
  return [...others, ...tokens.map(({ key: host, value: token }) => ({ host, token }))];
}

const unset = command({
  name: "unset",
  summary: "Take back single settings",
  examples: [
    "windlass providers unset --registry registry.example.com:9443",
    "windlass providers unset --pool prod --sources",
  ],
  flags: {
    pool,
    sources: toggle("all sources"),
    registry: list("the tokens of these registries", { placeholder: "HOST,HOST" }),
    registryCa: toggle("all certificates"),
    dryRun,
  },
  guard: () => "delete",
  run: async (context, { flags }) => {
    const scope = await scopeOf(context, flags);
    const before = await read(context, scope);
    const changes = {
      sources: flags.sources === true ? [] : undefined,
      hosts: flags.registry.length === 0 ? undefined : without(before, flags.registry),
      caCertificates: flags.registryCa === true ? "" : undefined,
    };
    return update(context, { scope, changes, etag: before.etag, isTrial: flags.dryRun === true });
  },
});

function without(before: ProviderSettings, gone: readonly string[]): Changes["hosts"] {
  const known = before.hosts.map(({ host }) => host);
  const missing = gone.find((host) => !known.includes(hostKey(host)));
  if (missing !== undefined) {
    const there = known.length === 0 ? "no registry" : known.join(", ");
    throw new CliError("notFound", `${settingsTitle(before)} has no token for ${missing}: it names ${there}`);
  }
  const keys = gone.map(hostKey);
  return known.filter((host) => !keys.includes(host)).map((host) => ({ host, token: "" }));
}

const remove = command({
  name: "delete",
  summary: "Delete all that is set, with the tokens",
  examples: ["windlass providers delete --pool prod"],
  flags: { pool },
  formats: goneFormats,
  guard: () => "delete",
  run: async (context, { flags }) => {
    const scope = await scopeOf(context, flags);
    const message = await read(context, scope);
    const title = settingsTitle(message);
    await confirmOrStop(
      context,
      `Delete where jobs of ${title} take providers from, with ${counted(message.hosts.length, "token")}?`,
    );
    await (await context.client(ProviderSettingsService)).deleteProviderSettings(scope);
    return answerGone(context, settingsName(message), `Deleted where jobs of ${title} take providers from`);
  },
});

/** Every verb of `windlass providers`. */
export const providersCommands: readonly Command[] = [get, set, unset, remove];
