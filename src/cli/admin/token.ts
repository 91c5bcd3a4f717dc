import { create } from "@bufbuild/protobuf";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type AgentToken, AgentTokenSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
import {
  AgentTokenService,
  CreateAgentTokenResponseSchema,
  ListAgentTokensResponseSchema,
  RotateAgentTokenResponseSchema,
} from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { shellWord } from "../../lib/text/shell-word.ts";
import { duration, neededText, text, toggle } from "../line/flags.ts";
import type { Context } from "../server/context.ts";
import { answerChanged } from "../shared/answers.ts";
import { type Command, command, some } from "../shared/command.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import { confirmOrStop } from "../shared/prompts.ts";
import { ageText, whenText } from "../terminal/ages.ts";
import type { Column } from "../terminal/table.ts";
import { findToken, tokenTarget } from "./token-target.ts";

const nameOf = ({ id }: AgentToken): string => `token/${id}`;

function stateText({ active, revokeTime, replacedBy }: AgentToken): string {
  if (revokeTime !== undefined) return "revoked";
  if (!active) return "expired";
  return replacedBy === "" ? "active" : "rotated";
}

const most = 3;
const agentsText = ({ agents }: AgentToken): string =>
  agents.length <= most ? agents.join(", ") : `${agents.slice(0, most).join(", ")}, …`;

export const tokenColumns: readonly Column<AgentToken>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "POOL", drop: 4, value: ({ agentPool }) => agentPool },
  { name: "NAME", value: ({ description }) => description },
  { name: "STATE", isStatus: true, value: stateText },
  { name: "LAST USED", drop: 2, value: ({ lastUseTime }, now) => whenText(lastUseTime, now) || "never" },
  { name: "AGENTS", drop: 3, value: agentsText },
  { name: "EXPIRES", value: ({ expireTime }, now) => whenText(expireTime, now) || "never" },
  { name: "AGE", drop: 1, value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "USED FROM", isWide: true, value: ({ lastUseAddress }) => lastUseAddress },
  { name: "REPLACED BY", isWide: true, value: ({ replacedBy }) => replacedBy },
  { name: "BEGINS WITH", isWide: true, value: ({ prefix }) => prefix },
  { name: "CREATED BY", isWide: true, value: ({ createdBy }) => createdBy },
];

const list = command({
  name: "list",
  summary: "List tokens, newest first, revoked ones included",
  examples: ["windlass token list --pool prod"],
  flags: { pool: text("only tokens of this pool", { short: "p", placeholder: "POOL" }), ...listFlags(tokenColumns) },
  run: async (context, { flags }) => {
    const client = await context.client(AgentTokenService);
    const scope = { organization: await context.organization(), agentPool: flags.pool ?? "" };
    const { rows: agentTokens, nextPageToken } = await fetchRows(context, flags, async (page) => {
      const answer = await client.listAgentTokens({ ...scope, ...page });
      return { rows: answer.agentTokens, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListAgentTokensResponseSchema, { agentTokens, nextPageToken });
    const shown = { schema: ListAgentTokensResponseSchema, message, item: AgentTokenSchema };
    await context.printer.list({ ...shown, rows: agentTokens, name: nameOf, columns: tokenColumns }, flags);
    return undefined;
  },
});

const createToken = command({
  name: "create",
  summary: "Create a token; its secret is printed once, alone on stdout",
  examples: [
    "windlass token create --pool prod --name vm-7",
    "windlass token create --pool prod --name ci --expires 30d > agent-token",
  ],
  flags: {
    pool: neededText("the pool it admits to", { short: "p", placeholder: "POOL" }),
    name: text("where it is used", { aliases: ["description"], placeholder: "NAME" }),
    expires: duration("how long it is good for (default 90d); 0 is for ever"),
  },
  run: async (context, { flags }) => {
    const client = await context.client(AgentTokenService);
    const answer = await client.createAgentToken({
      organization: await context.organization(),
      agentPool: flags.pool,
      description: flags.name ?? "",
      expiresIn: flags.expires === undefined ? undefined : durationOf(flags.expires),
      requestId: context.io.random.uuid(),
    });
    const { agentToken, secret } = answer;
    await context.printer.resource({
      schema: CreateAgentTokenResponseSchema,
      message: answer,
      name: agentToken === undefined ? "" : nameOf(agentToken),
      lines: [secret],
    });
    const pool = agentToken?.agentPool ?? flags.pool;
    context.notes.say(`Token ${agentToken?.id ?? ""} of pool ${pool}, ${goodText(agentToken)}.`);
    return sayHowToStart(context, secret);
  },
});

const durationOf = (ms: number) => ({ seconds: BigInt(Math.round(ms / 1000)) });

async function sayHowToStart(context: Context, secret: string): Promise<undefined> {
  const { notes, io } = context;
  const { address, tls } = await context.connection();
  const { caFile } = tls;
  const trust = caFile.value === undefined ? "" : ` --ca-file ${shellWord(caFile.value)}`;
  notes.say("The secret is shown once; only its hash is kept. Start an agent:");
  notes.say(
    `  WINDLASS_AGENT_TOKEN=${shownIn(secret, io.stderr.isTty)} windlass-agent --address ${address.value}${trust}`,
  );
  notes.say("How the program comes to its machine: `windlass deploy --help`, docs/install.md.");
  return undefined;
}

/** `good until 2027-02-26`. */
const goodText = (token: AgentToken | undefined): string =>
  token?.expireTime === undefined
    ? "good for ever"
    : `good until ${timestampDate(token.expireTime).toISOString().slice(0, 10)}`;

/** The secret for a person to paste; off a terminal stderr is often kept in a log. */
const shownIn = (secret: string, isTty: boolean): string => (isTty ? secret : "SECRET");

const rotate = command({
  name: "rotate",
  summary: "Replace a token; the new secret is printed once, alone on stdout",
  examples: ["windlass token rotate atok_…", "windlass token rotate atok_… --grace 24h > agent-token"],
  positionals: { token: tokenTarget },
  flags: {
    grace: duration("how long the old token goes on (default 1h); 0 ends it at once"),
    expires: duration("how long the new one is good for (default: as long as the old one was); 0 is for ever"),
  },
  run: async (context, { args, flags }) => {
    const client = await context.client(AgentTokenService);
    const { id } = await findToken(context, args.token);
    const answer = await client.rotateAgentToken({
      agentTokenId: id,
      overlap: flags.grace === undefined ? undefined : durationOf(flags.grace),
      expiresIn: flags.expires === undefined ? undefined : durationOf(flags.expires),
    });
    const { agentToken, secret, replaced } = answer;
    await context.printer.resource({
      schema: RotateAgentTokenResponseSchema,
      message: answer,
      name: agentToken === undefined ? "" : nameOf(agentToken),
      lines: [secret],
    });
    context.notes.say(
      `Token ${agentToken?.id ?? ""}, ${goodText(agentToken)}, replaces ${id}, ${endText(replaced, context.io.clock.now())}.`,
    );
    context.notes.say(
      "The secret is shown once; only its hash is kept. Write it into the file that its agents have as --token-file, and send them SIGHUP.",
    );
    return undefined;
  },
});

const endText = (replaced: AgentToken | undefined, now: Date): string =>
  replaced?.active === true
    ? `which ends ${whenText(replaced.expireTime, now)}: give its agents (${replaced.agents.join(", ") || "none so far"}) the new one before`
    : "which has ended";

const revoke = command({
  name: "revoke",
  summary: "End tokens: their agents are disconnected, running jobs finish",
  examples: ["windlass token revoke atok_…", "windlass token revoke vm-7", "windlass token revoke atok_… --stop"],
  positionals: { tokens: some("TOKEN", "ids; or names that only one token has") },
  flags: {
    stop: toggle(
      "also cancel the jobs its agents run, put the states that these still send aside, and keep their workspaces locked: for a suspected theft",
    ),
  },
  guard: () => "delete",
  run: async (context, { args, flags }) => {
    const client = await context.client(AgentTokenService);
    const stopJobs = flags.stop === true;
    const found: AgentToken[] = [];
    for (const wanted of args.tokens) found.push(await findToken(context, wanted));
    for (const token of found) {
      await confirmOrStop(context, questionOf(token, stopJobs));
      const { agentToken } = await client.revokeAgentToken({ agentTokenId: token.id, stopJobs });
      const message = agentToken ?? create(AgentTokenSchema);
      const changed = { schema: AgentTokenSchema, message, name: nameOf(message) };
      await answerChanged(context, { ...changed, done: `Revoked token ${message.id} of pool ${message.agentPool}` });
    }
    return undefined;
  },
});

function questionOf({ id, description, agentPool, agents }: AgentToken, stopJobs: boolean): string {
  const named = description === "" ? "" : ` (${description})`;
  const users = agents.length === 0 ? "" : ` Its agents are disconnected: ${agents.join(", ")}.`;
  const stopped = stopJobs
    ? " Their jobs are canceled, the states that these still send are put aside, and the workspaces of their applies stay locked until somebody decides."
    : "";
  return `Revoke token ${id}${named} of pool ${agentPool}?${users}${stopped}`;
}

/** Every verb of `windlass token`. */
export const tokenCommands: readonly Command[] = [list, createToken, rotate, revoke];
