import { create } from "@bufbuild/protobuf";
import { type AgentToken, AgentTokenSchema } from "../../gen/windlass/v1/agent_token_pb.ts";
import { AgentTokenService } from "../../gen/windlass/v1/agent_token_service_pb.ts";
import { CliError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { one } from "../shared/command.ts";
import { fetchRows } from "../shared/lists.ts";

/** The positional of commands about one agent token. */
export const tokenTarget = one("TOKEN", "its id; or its name, if only one has it");

/** The token of that id or name. A name counts for those that are still good; an older one of the same name is over. */
export async function findToken(context: Context, wanted: string): Promise<AgentToken> {
  const client = await context.client(AgentTokenService);
  const scope = { organization: await context.organization() };
  const { rows } = await fetchRows(context, { all: true, limit: undefined }, async (page) => {
    const { agentTokens, nextPageToken } = await client.listAgentTokens({ ...scope, ...page });
    return { rows: agentTokens, nextPageToken };
  });
  const named = rows.filter(({ description }) => description === wanted);
  const active = named.filter((token) => token.active);
  const found = [rows.filter(({ id }) => id === wanted), active, named].find(({ length }) => length > 0) ?? [];
  if (found.length === 1) return found[0] ?? create(AgentTokenSchema);
  throw found.length === 0 ? unknown(context, wanted) : ambiguous(context, wanted, found);
}

const see = (context: Context) => [{ label: "See them", command: context.command("token list") }];

const unknown = (context: Context, name: string): CliError =>
  new CliError("notFound", `agent token "${name}" does not exist, or you may not see it`, {
    code: "NOT_FOUND",
    reason: "NOT_FOUND",
    metadata: { resource: "agent token", name },
    hints: see(context),
  });

const ambiguous = (context: Context, name: string, found: readonly AgentToken[]): CliError =>
  new CliError(
    "conflict",
    `${found.length} agent tokens are named "${name}": say which by its id (${found.map(({ id }) => id).join(", ")})`,
    {
      code: "FAILED_PRECONDITION",
      reason: "NAME_AMBIGUOUS",
      metadata: { resource: "agent token", name, ids: found.map(({ id }) => id).join(",") },
      hints: see(context),
    },
  );
