import type { Agent } from "../../gen/windlass/v1/agent_pb.ts";
import { AgentService } from "../../gen/windlass/v1/agent_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { type Check, checkLines, isHealthy, ok, warn } from "../../lib/checks/check.ts";
import { version as programVersion } from "../../lib/program/version.ts";
import { counted } from "../../lib/text/counted.ts";
import { type Skew, skewOf } from "../../lib/words/version-skew.ts";
import { toggle } from "../line/flags.ts";
import { exitCodes } from "../problems/exit.ts";
import type { Context } from "../server/context.ts";
import { command } from "../shared/command.ts";
import { fetchRows } from "../shared/lists.ts";

export const version = command({
  name: "version",
  summary: "Print the version of this program, or check whether those of client, server and agents go together",
  examples: ["windlass version", "windlass version -o json", "windlass version --check"],
  flags: {
    check: toggle("ask the server for its version and those of the agents; exit code 1: some do not go together"),
  },
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context, { flags }) => {
    if (flags.check === true) return check(context);
    const own = { version: programVersion, node: process.versions.node };
    await context.printer.plain(own, [`windlass ${own.version} (Node ${own.node})`]);
    return undefined;
  },
});

async function check(context: Context) {
  const system = await context.client(SystemService);
  const { version: server } = await system.getServerInfo({});
  const { replicas } = await system.listReplicas({});
  const checks = [
    judge("client", `windlass ${programVersion}, server ${server}`, skewOf(programVersion, server)),
    ...replicas
      .filter((replica) => replica.version !== server)
      .map((replica) =>
        warn("server", `replica ${replica.name} is ${replica.version}`, `bring all servers to one version`),
      ),
    ...agentChecks(await agentsOf(context), server),
  ];
  await context.printer.plain(
    checks.map(({ id, status, detail, fix }) => ({ id, status, detail, fix })),
    checkLines(checks),
  );
  return isHealthy(checks) ? exitCodes.done : exitCodes.failed;
}

async function agentsOf(context: Context): Promise<readonly Agent[]> {
  const client = await context.client(AgentService);
  const organization = await context.organization();
  const { rows } = await fetchRows(context, { all: true, limit: undefined }, async (page) => {
    const answer = await client.listAgents({ organization, ...page });
    return { rows: answer.agents, nextPageToken: answer.nextPageToken };
  });
  return rows;
}

/** How many names a line has room for. */
const named = 3;

/** A line for each version that agents have. */
function agentChecks(agents: readonly Agent[], server: string): readonly Check[] {
  if (agents.length === 0) return [ok("agents", "none is connected")];
  const byVersion = Map.groupBy(agents, (agent) => agent.version);
  return [...byVersion].map(([version, some]) => {
    const names = some.slice(0, named).map(({ name }) => name);
    const more = some.length > named ? [`${some.length - named} more`] : [];
    return judge(
      "agents",
      `${counted(some.length, "agent")} with ${version}: ${[...names, ...more].join(", ")}`,
      skewOf(version, server),
    );
  });
}

function judge(id: string, seen: string, { kind, fix }: Skew): Check {
  if (kind === "old" || kind === "new") return { id, status: "fail", detail: seen, fix };
  return kind === "unknown" ? warn(id, seen, "that is no version of a release") : ok(id, seen);
}
