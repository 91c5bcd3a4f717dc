import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type AgentToken, AgentTokenSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
import { AgentTokenService, ListAgentTokensResponseSchema } from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { messageOf } from "../../lib/values/errors.ts";
import { duration, type FlagValues, neededText, repeated, text, toggle } from "../line/flags.ts";
import type { ExitCode } from "../problems/exit.ts";
import { CliError, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { answerChanged, answerGone, goneFormats } from "../shared/answers.ts";
import { assignment } from "../shared/assignments.ts";
import { type Command, command, one, some } from "../shared/command.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { ageText, whenText } from "../terminal/ages.ts";
import type { Column } from "../terminal/table.ts";

const nameOf = ({ id }: AgentToken): string => `trust/${id}`;

export const trustColumns: readonly Column<AgentToken>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "POOL", drop: 3, value: ({ agentPool }) => agentPool },
  { name: "NAME", drop: 4, value: ({ description }) => description },
  { name: "ISSUER", value: ({ trust }) => trust?.issuer ?? "" },
  { name: "SUBJECTS", value: ({ trust }) => trust?.subjects.join(", ") ?? "" },
  { name: "LAST USED", drop: 2, value: ({ lastUseTime }, now) => whenText(lastUseTime, now) || "never" },
  { name: "AGE", drop: 1, value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "AUDIENCE", isWide: true, value: ({ trust }) => trust?.audience ?? "" },
  { name: "CLAIMS", isWide: true, value: claimsText },
  { name: "KEYS", isWide: true, value: ({ trust }) => (trust?.jwks === "" ? "of the issuer" : "given") },
  { name: "EXPIRES", isWide: true, value: ({ expireTime }, now) => whenText(expireTime, now) || "never" },
  { name: "CREATED BY", isWide: true, value: ({ createdBy }) => createdBy },
];

function claimsText({ trust }: AgentToken): string {
  return Object.entries(trust?.claims ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
}

async function trusts(context: Context, flags: Parameters<typeof fetchRows>[1], agentPool = "") {
  const client = await context.client(AgentTokenService);
  const scope = { organization: await context.organization(), agentPool, onlyTrusts: true };
  return fetchRows(context, flags, async (page) => {
    const answer = await client.listAgentTokens({ ...scope, ...page });
    return { rows: answer.agentTokens, nextPageToken: answer.nextPageToken };
  });
}

const list = command({
  name: "list",
  summary: "List whose identities may register agents, newest first",
  examples: ["windlass trust list --pool prod", "windlass trust list -o wide"],
  flags: { pool: text("only trusts of this pool", { short: "p", placeholder: "POOL" }), ...listFlags(trustColumns) },
  run: (context, { flags }) => showTrusts(context, flags, flags.pool),
});

async function showTrusts(context: Context, flags: ListFlags, pool?: string | undefined): Promise<undefined> {
  const { rows: agentTokens, nextPageToken } = await trusts(context, flags, pool);
  const message = create(ListAgentTokensResponseSchema, { agentTokens, nextPageToken });
  const shown = { schema: ListAgentTokensResponseSchema, message, item: AgentTokenSchema };
  await context.printer.list({ ...shown, rows: agentTokens, name: nameOf, columns: trustColumns }, flags);
  return undefined;
}

type ListFlags = FlagValues<ReturnType<typeof listFlags>>;

const trustFlags = {
  subject: repeated(
    "whose tokens (sub): * is anything but a colon, and at the end anything; several are one or the other",
    { placeholder: "PATTERN" },
  ),
  audience: text("for whom its tokens are meant (aud); default: the server's public URL", { placeholder: "AUD" }),
  claim: repeated(
    "a claim that must have this value, by its name or as /kubernetes.io/namespace; several are all of them",
    { placeholder: "NAME=VALUE" },
  ),
  issuerCa: text("authorities in PEM that alone may vouch for the issuer's server", { placeholder: "FILE" }),
  jwksFile: text("the issuer's public keys (JWKS), where the server cannot ask it; - is stdin", {
    placeholder: "FILE",
  }),
  name: text("whose identities they are", { aliases: ["description"], placeholder: "NAME" }),
  expires: duration("how long the trust is good for (default: for ever)"),
};
const aboutIssuer = "URL of the issuer, as its tokens have it in iss";

const createTrust = command({
  name: "create",
  summary: "Let identities of an issuer, such as a Kubernetes cluster, register agents without a secret",
  examples: [
    "windlass trust create --pool prod --issuer https://oidc.example.com/id/7 --subject system:serviceaccount:windlass:windlass-agent",
    "windlass trust create --pool prod --issuer https://kubernetes.default.svc.cluster.local --subject 'system:serviceaccount:windlass:*' --jwks-file keys.json",
  ],
  flags: {
    pool: neededText("the pool it admits to", { short: "p", placeholder: "POOL" }),
    issuer: neededText(aboutIssuer, { placeholder: "URL" }),
    ...trustFlags,
  },
  run: (context, { flags }) => makeTrust(context, flags),
});

/** The same beside the pool's other verbs. */
export const poolTrust = command({
  name: "trust",
  summary: "Let identities of an issuer register agents of a pool without a secret; without --issuer: list whose may",
  examples: [
    "windlass pool trust prod",
    "windlass pool trust prod --issuer https://oidc.example.com/id/7 --subject system:serviceaccount:windlass:windlass-agent",
  ],
  positionals: { pool: one("POOL", "the pool they are admitted to") },
  flags: { issuer: text(aboutIssuer, { placeholder: "URL" }), ...trustFlags, ...listFlags(trustColumns) },
  run: async (context, { args: { pool }, flags }) => {
    const { issuer, ...more } = flags;
    if (issuer !== undefined) return makeTrust(context, { ...more, issuer, pool });
    const { subject, claim, audience, issuerCa, jwksFile, name, expires } = flags;
    if ([...subject, ...claim, audience, issuerCa, jwksFile, name, expires].some((value) => value !== undefined))
      throw usageError("--issuer is needed: whose tokens are good?");
    return showTrusts(context, flags, pool);
  },
});

type TrustWish = FlagValues<typeof trustFlags> & { readonly pool: string; readonly issuer: string };

async function makeTrust(context: Context, wish: TrustWish): Promise<ExitCode | undefined> {
  const { pool: agentPool, issuer, subject, audience = "", claim, issuerCa, jwksFile, name = "", expires } = wish;
  if (subject.length === 0) throw usageError("--subject is needed: whose tokens are good?");
  const client = await context.client(AgentTokenService);
  const { agentToken } = await client.createIdentityTrust({
    organization: await context.organization(),
    agentPool,
    description: name,
    trust: {
      issuer,
      audience,
      subjects: [...subject],
      claims: Object.fromEntries(claim.map(assignment).map(({ key, value }) => [key, value])),
      caCertificates: await contentOf(context, "--issuer-ca", issuerCa),
      jwks: await contentOf(context, "--jwks-file", jwksFile),
    },
    ...(expires === undefined ? {} : { expiresIn: { seconds: BigInt(Math.round(expires / 1000)) } }),
    requestId: context.io.random.uuid(),
  });
  const message = agentToken ?? create(AgentTokenSchema);
  const done = `Created trust ${message.id} of pool ${message.agentPool}, for tokens with the audience ${message.trust?.audience ?? ""}`;
  return answerChanged(context, { schema: AgentTokenSchema, message, name: nameOf(message), done }, [
    {
      label: "Start an agent",
      command: `windlass-agent --identity-token-file FILE --pool ${await context.organization()}/${message.agentPool} …`,
    },
  ]);
}

async function contentOf({ io }: Context, flag: string, file: string | undefined): Promise<string> {
  if (file === undefined) return "";
  return readFile(file === "-" ? "/dev/stdin" : resolve(io.workingDirectory, file), "utf8").catch((error: unknown) => {
    throw usageError(`${flag}: ${file} cannot be read: ${messageOf(error)}`);
  });
}

const remove = command({
  name: "delete",
  summary: "End trusts: agents that they admitted are disconnected, running jobs finish",
  examples: ["windlass trust delete atok_…", "windlass trust delete atok_… --stop"],
  positionals: { trusts: some("TRUST", "ids; or names that only one trust has") },
  flags: {
    stop: toggle(
      "also cancel the jobs its agents run, put the states that these still send aside, and keep their workspaces locked",
    ),
  },
  formats: goneFormats,
  guard: () => "delete",
  run: async (context, { args, flags }) => {
    const client = await context.client(AgentTokenService);
    const { rows } = await trusts(context, { all: true, limit: undefined });
    const found = args.trusts.map((wanted) => findTrust(context, rows, wanted));
    for (const { id, agentPool, agents } of found) {
      const users = agents.length === 0 ? "" : ` Its agents are disconnected: ${agents.join(", ")}.`;
      await confirmOrStop(context, `Delete trust ${id} of pool ${agentPool}?${users}`);
      await client.revokeAgentToken({ agentTokenId: id, stopJobs: flags.stop === true });
      await answerGone(context, `trust/${id}`, `Deleted trust ${id} of pool ${agentPool}`);
    }
    return undefined;
  },
});

function findTrust(context: Context, rows: readonly AgentToken[], wanted: string): AgentToken {
  const named = rows.filter(({ id, description }) => id === wanted || description === wanted);
  const [found] = named;
  if (found !== undefined && named.length === 1) return found;
  const hints = [{ label: "See them", command: context.command("trust list") }];
  if (found === undefined)
    throw new CliError("notFound", `trust "${wanted}" does not exist, or you may not see it`, {
      ...{ code: "NOT_FOUND", reason: "NOT_FOUND", metadata: { resource: "trust", name: wanted }, hints },
    });
  const ids = named.map(({ id }) => id).join(", ");
  throw new CliError("conflict", `${named.length} trusts are named "${wanted}": say which by its id (${ids})`, {
    ...{ code: "FAILED_PRECONDITION", reason: "NAME_AMBIGUOUS", metadata: { resource: "trust", name: wanted }, hints },
  });
}

/** Every verb of `windlass trust`. */
export const trustCommands: readonly Command[] = [list, createTrust, remove];
