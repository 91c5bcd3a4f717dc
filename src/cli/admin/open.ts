import { Code, ConnectError } from "@connectrpc/connect";
import { AgentPoolService } from "../../gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../../gen/windlass/v1/agent_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { isId } from "../../lib/words/ids.ts";
import { toggle } from "../line/flags.ts";
import { CliError } from "../problems/problem.ts";
import { findRun } from "../run/target.ts";
import type { Context } from "../server/context.ts";
import { command, maybe } from "../shared/command.ts";
import { pagePath, serverInfo, type WebSubject } from "../shared/web-links.ts";

/** `windlass open`. */
export const open = command({
  name: "open",
  summary: "Open the page of a run, a workspace or a pool in the browser",
  examples: ["windlass open", "windlass open run_…", "windlass open network", "windlass open @latest --print"],
  positionals: {
    subject: maybe("RUN|WS|POOL", "its id or name, or @latest: the newest run; default the organization"),
  },
  flags: { print: toggle("print the address and start nothing") },
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context, { args, flags }) => {
    const site = await siteOf(context);
    const url = `${site}${await pathOf(context, args.subject)}`;
    const isShown = flags.print !== true && context.printer.isForPeople && (await started(context, url));
    if (isShown) context.notes.say(`Opened ${url}`);
    else await context.printer.plain({ url }, [url]);
    return undefined;
  },
});

/** Where the UI is: as the server says, else where this program finds the server. */
async function siteOf(context: Context): Promise<string> {
  const { hasWeb, publicUrl } = await serverInfo(context);
  const { address, addresses } = await context.connection();
  if (!hasWeb) {
    throw new CliError("conflict", `${address.value} serves no UI: windlassd was started with --no-web, or is older`);
  }
  if (publicUrl !== "") return publicUrl;
  const { origin, pathname } = new URL(addresses[0] ?? "");
  if (pathname === "/") return origin;
  throw new CliError(
    "conflict",
    `${address.value} is reached below a path, where there is no UI: it needs a host name of its own, which windlassd tells with --public-url`,
  );
}

async function pathOf(context: Context, subject: string | undefined): Promise<string> {
  if (subject !== undefined) return pagePath(await subjectOf(context, subject));
  const asked = await context.organization();
  const organizations = asked === "" ? await ownOrganizations(context) : [asked];
  const [only, ...more] = organizations;
  return only === undefined || more.length > 0 ? "/" : pagePath({ kind: "organization", organization: only, name: "" });
}

const ownOrganizations = async (context: Context): Promise<readonly string[]> =>
  (await (await context.client(SystemService)).whoAmI({})).organizations;

/** By its id, else by its name: of a workspace, or of a pool. */
async function subjectOf(context: Context, subject: string): Promise<WebSubject> {
  if (subject.startsWith("run_") || subject.endsWith("@latest")) {
    const { id, organization } = await findRun(context, subject);
    return { kind: "run", organization, name: id };
  }
  if (isId("agent", subject)) {
    const { agent } = await (await context.client(AgentService)).getAgent({ agent: subject });
    return { kind: "agent", organization: agent?.organization ?? "", name: agent?.id ?? subject };
  }
  const found = (await workspaceNamed(context, subject)) ?? (await poolNamed(context, subject));
  if (found !== undefined) return found;
  throw new CliError("notFound", `there is no workspace and no pool "${subject}", or you may not see it`, {
    code: "NOT_FOUND",
    reason: "NOT_FOUND",
    metadata: { resource: "workspace", name: subject },
    hints: [{ label: "See what is there", command: context.command("workspace list") }],
  });
}

async function workspaceNamed(context: Context, name: string): Promise<WebSubject | undefined> {
  if (isId("apool", name)) return undefined;
  const client = await context.client(WorkspaceService);
  const organization = await context.organization();
  const found = await unlessMissing(client.getWorkspace({ organization, workspace: name }));
  const workspace = found?.workspace;
  return workspace && { kind: "workspace", organization: workspace.organization, name: workspace.name };
}

async function poolNamed(context: Context, name: string): Promise<WebSubject | undefined> {
  if (isId("ws", name)) return undefined;
  const client = await context.client(AgentPoolService);
  const organization = await context.organization();
  const pool = (await unlessMissing(client.getAgentPool({ organization, agentPool: name })))?.agentPool;
  return pool && { kind: "pool", organization: pool.organization, name: pool.id };
}

async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (ConnectError.from(error).code === Code.NotFound) return undefined;
    throw error;
  }
}

/** A browser that does not come up by then does not come. */
const startMs = 10_000;

/** Starts the person's browser; false if there is none. */
async function started({ io: { environment }, notes }: Context, url: string): Promise<boolean> {
  const isMac = process.platform === "darwin";
  const hasScreen = isMac || ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].some((name) => (environment[name] ?? "") !== "");
  if (!hasScreen) return false;
  const { execa } = await import("execa");
  const program = isMac ? "open" : "xdg-open";
  const result = await execa(program, [url], {
    ...{ env: { ...environment }, extendEnv: false, stdio: "ignore", timeout: startMs, reject: false },
  });
  if (result.failed) notes.say(`${program} did not start a browser`);
  return !result.failed;
}
