import { Code, ConnectError } from "@connectrpc/connect";
import { type AgentPool, AgentPoolSchema } from "../../gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { type Run, RunSchema } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import {
  type Attention,
  AttentionItemSchema,
  AttentionSchema,
  type GetAttentionResponse,
  type GetServerInfoResponse,
  GetServerInfoResponseSchema,
  Permission,
  type Replica,
  ReplicaSchema,
  SubjectKind,
  SystemService,
  type WhoAmIResponse,
  WhoAmIResponseSchema,
} from "../../gen/windlass/v1/system_service_pb.ts";
import { isRecord } from "../../lib/values/records.ts";
import { isWithoutAgents } from "../pool/view.ts";
import { openStates } from "../run/states.ts";
import { runColumns } from "../run/view.ts";
import type { Context } from "../server/context.ts";
import { command } from "../shared/command.ts";
import { timeText } from "../terminal/ages.ts";
import { detailLines } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";
import { attentionLines, commandFor, type ItemCommand } from "./attention-view.ts";
import { roleText } from "./login.ts";
import { replicaColumns, replicasText } from "./replica-view.ts";

export const whoami = command({
  name: "whoami",
  summary: "Show whose token this is and what it may do",
  examples: ["windlass whoami"],
  run: async (context) => {
    const client = await context.client(SystemService);
    const message = await client.whoAmI({});
    const { address, contextName, token } = await context.connection();
    await context.printer.resource({
      schema: WhoAmIResponseSchema,
      message,
      name: `key/${message.id}`,
      lines: detailLines([
        ["Name", message.name],
        ["Id", message.id],
        ["Kind", enumText(SubjectKind, message.kind)],
        ["Role", roleText(message)],
        ["Organizations", message.organizations.join(", ")],
        ["Expires", timeText(message.expireTime)],
        ["Server", address.value],
        ["Context", contextName.value ?? ""],
        ["Token from", token.origin],
      ]),
    });
    return undefined;
  },
});

const maxOrganizations = 20;
const maxRows = 100;

interface Found {
  readonly runs: readonly Run[];
  readonly pools: readonly AgentPool[];
}

export const status = command({
  name: "status",
  summary: "Show the server, runs in progress and what needs somebody",
  examples: ["windlass status", "windlass status -o json"],
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context) => {
    const system = await context.client(SystemService);
    const [server, who] = [await system.getServerInfo({}), await system.whoAmI({})];
    const { address, organization } = await context.connection();
    const organizations =
      organization.value === "" ? who.organizations.slice(0, maxOrganizations) : [organization.value];
    const [attention, replicas, ...found] = await Promise.all([
      readAttention(context, organization.value),
      who.permissions.includes(Permission.ADMINISTER_SITE) ? readReplicas(context) : undefined,
      ...organizations.map((name) => lookInto(context, name)),
    ]);
    const runs = found.flatMap((one) => one.runs);
    const itemCommand: ItemCommand = (text, item) => {
      const isOther = organization.value === "" && item.organization !== "" && who.organizations.length > 1;
      return `${context.command(text)}${isOther ? ` --org ${item.organization}` : ""}`;
    };
    const { printer, notes, io } = context;
    if (!printer.isForPeople) {
      const pools = found.flatMap((one) => one.pools).filter(isWithoutAgents);
      const told = { address: address.value, server, replicas, who, attention, runs, pools };
      await printer.plain(await statusJson(told, itemCommand), []);
      return undefined;
    }
    await printer.lines(
      detailLines([
        ["Server", `${address.value} (windlassd ${server.version}, ${server.database})`],
        ["You", `${who.name || who.id}, ${roleText(who)}`],
        ["Replicas", replicas === undefined ? "" : replicasText(replicas)],
        ["Own agent", server.hasServerAgent ? "yes: workspaces in remote mode run on the server" : "none"],
        ["Keeps", keepsText(server.retention)],
        ["Runs in progress", runs.length === 0 ? "none" : String(runs.length)],
      ]),
    );
    if (replicas !== undefined && replicas.length > 1)
      await printer.lines(["", ...printer.table(replicas, replicaColumns)]);
    await printRuns(context, runs);
    if (attention !== undefined) await printer.lines(["", ...attentionLines(attention, itemCommand, io.clock.now())]);
    if (organizations.length === 0) notes.say("You belong to no organization yet: windlass org create NAME");
    return undefined;
  },
});

interface ToldStatus extends Found {
  readonly address: string;
  readonly server: GetServerInfoResponse;
  readonly replicas: readonly Replica[] | undefined;
  readonly who: WhoAmIResponse;
  readonly attention: Awaited<ReturnType<typeof readAttention>>;
}

async function statusJson(
  { address, server, replicas, who, attention, runs, pools }: ToldStatus,
  itemCommand: ItemCommand,
) {
  const { toJson } = await import("@bufbuild/protobuf");
  const style = { alwaysEmitImplicit: true };
  return {
    address,
    server: toJson(GetServerInfoResponseSchema, server, style),
    ...(replicas === undefined ? {} : { replicas: replicas.map((one) => toJson(ReplicaSchema, one, style)) }),
    who: toJson(WhoAmIResponseSchema, who, style),
    needsSomebody: (attention?.attention ?? []).map((one) => attentionJson(one, itemCommand, toJson)),
    runs: runs.map((run) => toJson(RunSchema, run, style)),
    poolsWithoutAgents: pools.map((pool) => toJson(AgentPoolSchema, pool, style)),
  };
}

async function readAttention(context: Context, organization: string): Promise<GetAttentionResponse | undefined> {
  const system = await context.client(SystemService);
  return ifKnown(system.getAttention({ organization }));
}

async function readReplicas(context: Context): Promise<readonly Replica[] | undefined> {
  const system = await context.client(SystemService);
  return (await ifKnown(system.listReplicas({})))?.replicas;
}

/** Undefined from a server that is too old to know. */
async function ifKnown<Answer>(call: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ConnectError && error.code === Code.Unimplemented) return undefined;
    throw error;
  }
}

type ToJson = typeof import("@bufbuild/protobuf").toJson;

/** The message of one kind, with the command that deals with each item; empty if none does. */
function attentionJson(one: Attention, command: ItemCommand, toJson: ToJson) {
  const style = { alwaysEmitImplicit: true };
  const items = one.items.map((item) => ({
    ...fields(toJson(AttentionItemSchema, item, style)),
    command: commandFor(one.kind, item, command),
  }));
  return { ...fields(toJson(AttentionSchema, one, style)), items };
}

/** What a message has in JSON: an object. */
const fields = (json: unknown) => (isRecord(json) ? json : {});

/** What people set: how long runs, logs, configurations, states and audit records are kept. */
function keepsText(retention: Readonly<Record<string, string>>): string {
  const kept = Object.entries(retention).filter(([name]) => name.startsWith("keep-"));
  if (kept.length === 0) return "";
  return kept.map(([name, text]) => `${name.slice("keep-".length)} ${text}`).join(", ");
}

async function lookInto(context: Context, organization: string): Promise<Found> {
  const [runClient, poolClient] = [await context.client(RunService), await context.client(AgentPoolService)];
  const [{ runs }, pools] = await Promise.all([
    runClient.listRuns({ organization, states: [...openStates], pageSize: maxRows }),
    context.printer.isForPeople ? undefined : poolClient.listAgentPools({ organization, pageSize: maxRows }),
  ]);
  return { runs, pools: pools?.agentPools ?? [] };
}

async function printRuns({ printer }: Context, runs: readonly Run[]): Promise<void> {
  if (runs.length > 0) await printer.lines(["", ...printer.table(runs, runColumns)]);
}
