import { Code, ConnectError } from "@connectrpc/connect";
import { WorkspaceService } from "../../gen/windlass/v1/workspace_service_pb.ts";
import { isId } from "../../lib/words/ids.ts";
import type { Context } from "../server/context.ts";

/** Says which of the names that were granted are names of nothing yet: a typing mistake looks the same. */
export async function warnOfMissing(context: Context, names: readonly string[]): Promise<undefined> {
  const client = await context.client(WorkspaceService);
  const organization = await context.organization();
  for (const workspace of names) {
    if (isId("ws", workspace)) continue;
    const isThere = await client.getWorkspace({ organization, workspace }).then(() => true, isFound);
    if (!isThere) context.notes.warn(`there is no workspace of this name yet: ${workspace}`);
  }
}

/** Whoever may grant may look too; if the look fails otherwise, the grant stands all the same. */
const isFound = (error: unknown): boolean => !(error instanceof ConnectError && error.code === Code.NotFound);
