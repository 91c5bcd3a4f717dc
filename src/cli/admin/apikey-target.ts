import { Code, ConnectError } from "@connectrpc/connect";
import type { ApiKey } from "../../gen/windlass/v1/api_key_pb.ts";
import { ApiKeyService } from "../../gen/windlass/v1/api_key_service_pb.ts";
import { SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import { isId } from "../../lib/words/ids.ts";
import { CliError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { one } from "../shared/command.ts";
import { fetchRows } from "../shared/lists.ts";

/** The positional of commands about one API key. */
export const keyTarget = one("KEY", "its id, your own is shown by whoami; or its name, if only one has it");

type Key = Pick<ApiKey, "id" | "name" | "active" | "replacedBy">;

/** The id of that key. A name counts for those that go on; an older one of the same name is over. */
export async function findKeyId(context: Context, wanted: string): Promise<string> {
  if (isId("key", wanted)) return wanted;
  const rows = await visibleKeys(context);
  const named = rows.filter(({ name }) => name === wanted);
  const goingOn = named.filter(({ active, replacedBy }) => active && replacedBy === "");
  const found = [rows.filter(({ id }) => id === wanted), goingOn, named].find(({ length }) => length > 0) ?? [];
  const [only, ...more] = found;
  if (only === undefined) throw unknown(context, wanted);
  if (more.length > 0) throw ambiguous(context, wanted, found);
  return only.id;
}

/** Who may not list keys still has one. */
async function visibleKeys(context: Context): Promise<readonly Key[]> {
  try {
    const client = await context.client(ApiKeyService);
    const organization = await context.organization();
    const { rows } = await fetchRows(context, { all: true, limit: undefined }, async (page) => {
      const { apiKeys, nextPageToken } = await client.listApiKeys({ organization, ...page });
      return { rows: apiKeys, nextPageToken };
    });
    return rows;
  } catch (error) {
    if (ConnectError.from(error).code !== Code.PermissionDenied) throw error;
    const { id, name } = await (await context.client(SystemService)).whoAmI({});
    return [{ id, name, active: true, replacedBy: "" }];
  }
}

const see = (context: Context) => [{ label: "See what is there", command: context.command("apikey list") }];

const unknown = (context: Context, name: string): CliError =>
  new CliError("notFound", `API key "${name}" does not exist, or you may not see it`, {
    code: "NOT_FOUND",
    reason: "NOT_FOUND",
    metadata: { resource: "API key", name },
    hints: see(context),
  });

const ambiguous = (context: Context, name: string, found: readonly Key[]): CliError =>
  new CliError(
    "conflict",
    `${found.length} API keys are named "${name}": say which by its id (${found.map(({ id }) => id).join(", ")})`,
    {
      code: "FAILED_PRECONDITION",
      reason: "NAME_AMBIGUOUS",
      metadata: { resource: "API key", name, ids: found.map(({ id }) => id).join(",") },
      hints: see(context),
    },
  );
