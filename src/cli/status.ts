import { type AgentPool, AgentPoolSchema } from "../gen/windlass/v1/agent_pool_pb.ts";
import { AgentPoolService } from "../gen/windlass/v1/agent_pool_service_pb.ts";
import { type Run, RunSchema } from "../gen/windlass/v1/run_pb.ts";
import { RunService } from "../gen/windlass/v1/run_service_pb.ts";
import {
  GetServerInfoResponseSchema,
  SubjectKind,
  SystemService,
  WhoAmIResponseSchema,
} from "../gen/windlass/v1/system_service_pb.ts";
import { timeText } from "./ages.ts";
import { command } from "./command.ts";
import type { Context } from "./context.ts";
import { roleText } from "./login.ts";
import { isWithoutAgents, warnOfEmptyPools } from "./pool-view.ts";
import { openStates } from "./run-states.ts";
import { runColumns } from "./run-view.ts";
import { chooseColumns, detailLines, tableLines } from "./table.ts";
import { enumText } from "./words.ts";

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
  summary: "Show the server, runs in progress and pools without agents",
  examples: ["windlass status", "windlass status -o json"],
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context) => {
    const system = await context.client(SystemService);
    const [server, who] = [await system.getServerInfo({}), await system.whoAmI({})];
    const { address, organization } = await context.connection();
    const organizations =
      organization.value === "" ? who.organizations.slice(0, maxOrganizations) : [organization.value];
    const found = await Promise.all(organizations.map((name) => lookInto(context, name)));
    const runs = found.flatMap((one) => one.runs);
    const idle = found.flatMap((one) => one.pools).filter(isWithoutAgents);
    const { printer, notes } = context;
    if (!printer.isForPeople) {
      const { toJson } = await import("@bufbuild/protobuf");
      const style = { alwaysEmitImplicit: true };
      await printer.plain(
        {
          address: address.value,
          server: toJson(GetServerInfoResponseSchema, server, style),
          who: toJson(WhoAmIResponseSchema, who, style),
          runs: runs.map((run) => toJson(RunSchema, run, style)),
          poolsWithoutAgents: idle.map((pool) => toJson(AgentPoolSchema, pool, style)),
        },
        [],
      );
      return undefined;
    }
    await printer.lines(
      detailLines([
        ["Server", `${address.value} (windlassd ${server.version}, ${server.database})`],
        ["You", `${who.name || who.id}, ${roleText(who)}`],
        ["Own agent", server.hasServerAgent ? "yes: workspaces in remote mode run on the server" : "none"],
        ["Runs in progress", runs.length === 0 ? "none" : String(runs.length)],
      ]),
    );
    await printRuns(context, runs);
    warnOfEmptyPools(context, idle);
    if (organizations.length === 0) notes.say("You belong to no organization yet: windlass org create NAME");
    return undefined;
  },
});

async function lookInto(context: Context, organization: string): Promise<Found> {
  const [runClient, poolClient] = [await context.client(RunService), await context.client(AgentPoolService)];
  const [{ runs }, { agentPools }] = await Promise.all([
    runClient.listRuns({ organization, states: [...openStates], pageSize: maxRows }),
    poolClient.listAgentPools({ organization, pageSize: maxRows }),
  ]);
  return { runs, pools: agentPools };
}

async function printRuns({ printer, io }: Context, runs: readonly Run[]): Promise<void> {
  if (runs.length === 0) return;
  const columns = chooseColumns(runColumns, [], printer.format === "wide");
  const layout = { isHeaderShown: true, width: io.stdout.columns, now: io.clock.now() };
  await printer.lines(["", ...tableLines(runs, columns, layout)]);
}
