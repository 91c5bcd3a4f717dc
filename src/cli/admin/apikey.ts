import { create } from "@bufbuild/protobuf";
import { type ApiKey, ApiKeySchema } from "../../gen/windlass/v1/api_key_pb.ts";
import {
  ApiKeyService,
  CreateApiKeyResponseSchema,
  ListApiKeysResponseSchema,
  RotateApiKeyResponseSchema,
} from "../../gen/windlass/v1/api_key_service_pb.ts";
import { Role } from "../../gen/windlass/v1/system_service_pb.ts";
import { keysOf } from "../../lib/values/records.ts";
import { choice, duration, neededText } from "../line/flags.ts";
import type { Context } from "../server/context.ts";
import { answerChanged } from "../shared/answers.ts";
import { type Command, command, some } from "../shared/command.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { ageText, timeText, whenText } from "../terminal/ages.ts";
import { type Column, detailLines } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";
import { sessions } from "./apikey-sessions.ts";
import { findKeyId, keyTarget } from "./apikey-target.ts";

const roles = {
  "site-admin": Role.SITE_ADMIN,
  owner: Role.OWNER,
  operator: Role.OPERATOR,
  planner: Role.PLANNER,
  reader: Role.READER,
} as const;

const nameOf = ({ id }: ApiKey): string => `key/${id}`;
const durationOf = (ms: number) => ({ seconds: BigInt(Math.round(ms / 1000)) });

function statusText({ active, revokeTime, replacedBy }: ApiKey): string {
  if (revokeTime !== undefined) return "revoked";
  if (!active) return "expired";
  return replacedBy === "" ? "valid" : "replaced";
}

export const apiKeyColumns: readonly Column<ApiKey>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "NAME", value: ({ name }) => name },
  { name: "ROLE", drop: 3, value: ({ role }) => enumText(Role, role) },
  { name: "STATUS", isStatus: true, value: statusText },
  { name: "LAST USED", drop: 2, value: ({ lastUseTime }, now) => whenText(lastUseTime, now) || "never" },
  { name: "EXPIRES", value: ({ expireTime }, now) => whenText(expireTime, now) || "never" },
  { name: "AGE", drop: 1, value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "ORG", isWide: true, value: ({ organization }) => organization },
  { name: "FROM", isWide: true, value: ({ lastUseAddress }) => lastUseAddress },
  { name: "BEGINS WITH", isWide: true, value: ({ prefix }) => prefix },
  { name: "CREATED BY", isWide: true, value: ({ createdBy }) => createdBy },
];

const list = command({
  name: "list",
  summary: "List API keys, newest first, revoked ones included",
  examples: ["windlass apikey list", "windlass apikey list -o wide"],
  flags: listFlags(apiKeyColumns),
  run: async (context, { flags }) => {
    const client = await context.client(ApiKeyService);
    const organization = await context.organization();
    const { rows: apiKeys, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listApiKeys({ organization, ...page });
      return { rows: answer.apiKeys, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListApiKeysResponseSchema, { apiKeys, nextPageToken });
    const shown = { schema: ListApiKeysResponseSchema, message, item: ApiKeySchema };
    await context.printer.list({ ...shown, rows: apiKeys, name: nameOf, columns: apiKeyColumns }, flags);
    return undefined;
  },
});

const get = command({
  name: "get",
  summary: "Show an API key; never its secret",
  examples: ["windlass apikey get ci", "windlass apikey get key_…"],
  positionals: { key: keyTarget },
  run: async (context, { args }) => {
    const client = await context.client(ApiKeyService);
    const { apiKey } = await client.getApiKey({ apiKeyId: await findKeyId(context, args.key) });
    const message = apiKey ?? create(ApiKeySchema);
    await context.printer.resource({
      schema: ApiKeySchema,
      message,
      name: nameOf(message),
      lines: detailLines([
        ["Name", message.name],
        ["Id", message.id],
        ["Role", enumText(Role, message.role)],
        ["Organization", message.organization],
        ["Status", statusText(message)],
        ["Begins with", message.prefix],
        ["Created", timeText(message.createTime)],
        ["Created by", message.createdBy],
        ["Expires", timeText(message.expireTime)],
        ["Last used", timeText(message.lastUseTime)],
        ["Last used from", message.lastUseAddress],
        ["Revoked", timeText(message.revokeTime)],
        ["Replaced by", message.replacedBy],
      ]),
    });
    return undefined;
  },
});

const createKey = command({
  name: "create",
  summary: "Create an API key for a person or for CI; its secret is printed once, alone on stdout",
  examples: [
    "windlass apikey create --name ci --role operator > api-key",
    "windlass apikey create --name ana --role owner --expires 30d",
    "windlass apikey create --name break-glass --role site-admin --expires 0",
  ],
  flags: {
    name: neededText("whose it is, or what uses it", { placeholder: "NAME" }),
    role: choice("what it may do (default operator)", keysOf(roles)),
    expires: duration("how long it is good for (default 90d); 0 is for ever"),
  },
  run: async (context, { flags }) => {
    const client = await context.client(ApiKeyService);
    const role = roles[flags.role ?? "operator"];
    const answer = await client.createApiKey({
      organization: role === Role.SITE_ADMIN ? "" : await context.organization(),
      name: flags.name,
      role,
      expiresIn: flags.expires === undefined ? undefined : durationOf(flags.expires),
    });
    const { apiKey = create(ApiKeySchema), secret } = answer;
    const schema = CreateApiKeyResponseSchema;
    await context.printer.resource({ schema, message: answer, name: nameOf(apiKey), lines: [secret] });
    tell(context, apiKey);
    return undefined;
  },
});

/** Beside the secret, on stderr. */
function tell(context: Context, { id, name, role, organization, expireTime }: ApiKey): void {
  const where = organization === "" ? "" : ` of ${organization}`;
  const until = expireTime === undefined ? "it does not expire" : `good until ${timeText(expireTime)}`;
  context.notes.say(`API key ${id} for ${name}: ${enumText(Role, role)}${where}, ${until}.`);
  context.notes.say("The secret is shown once; only its hash is kept. Use it:");
  context.notes.say("  windlass login --token-stdin < FILE        in CI: export WINDLASS_TOKEN_FILE=FILE");
}

const rotate = command({
  name: "rotate",
  summary: "Replace an API key; the new secret is printed once, alone on stdout",
  examples: ["windlass apikey rotate ci > api-key", "windlass apikey rotate key_… --overlap 0"],
  positionals: { key: keyTarget },
  flags: {
    overlap: duration("how long the old one goes on (default 1h); 0 ends it at once", { aliases: ["grace"] }),
    expires: duration("how long the new one is good for (default as long as the old one was); 0 is for ever"),
  },
  run: async (context, { args, flags }) => {
    const client = await context.client(ApiKeyService);
    const apiKeyId = await findKeyId(context, args.key);
    const answer = await client.rotateApiKey({
      apiKeyId,
      overlap: flags.overlap === undefined ? undefined : durationOf(flags.overlap),
      expiresIn: flags.expires === undefined ? undefined : durationOf(flags.expires),
    });
    const { apiKey = create(ApiKeySchema), replaced, secret } = answer;
    const schema = RotateApiKeyResponseSchema;
    await context.printer.resource({ schema, message: answer, name: nameOf(apiKey), lines: [secret] });
    tell(context, apiKey);
    context.notes.say(`The old key ${apiKeyId} ends at ${timeText(replaced?.expireTime)}.`);
    return undefined;
  },
});

const revoke = command({
  name: "revoke",
  summary: "End API keys at once",
  examples: ["windlass apikey revoke ci", "windlass apikey revoke key_…"],
  positionals: { keys: some("KEY", "ids, or names that only one has") },
  guard: () => "delete",
  run: async (context, { args }) => {
    const client = await context.client(ApiKeyService);
    const found: ApiKey[] = [];
    for (const wanted of args.keys) {
      const { apiKey } = await client.getApiKey({ apiKeyId: await findKeyId(context, wanted) });
      found.push(apiKey ?? create(ApiKeySchema));
    }
    for (const { id, name } of found) {
      await confirmOrStop(context, `Revoke API key ${id} (${name})?`);
      const { apiKey } = await client.revokeApiKey({ apiKeyId: id });
      const message = apiKey ?? create(ApiKeySchema);
      const changed = { schema: ApiKeySchema, message, name: nameOf(message) };
      await answerChanged(context, { ...changed, done: `Revoked API key ${message.id} (${message.name})` });
    }
    return undefined;
  },
});

/** Every verb of `windlass apikey`. */
export const apiKeyCommands: readonly Command[] = [list, get, createKey, rotate, revoke, sessions];
