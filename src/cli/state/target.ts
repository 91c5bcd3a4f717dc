import { StateStatus, type StateVersion } from "../../gen/windlass/v1/state_pb.ts";
import { StateService } from "../../gen/windlass/v1/state_service_pb.ts";
import { isId } from "../../lib/words/ids.ts";
import { CliError, usageError } from "../problems/problem.ts";
import type { Context } from "../server/context.ts";
import { maybe, one } from "../shared/command.ts";

/** The positional of every command about one state. */
export const stateTarget = one("WS|STATE", "a workspace (its current state), WS@SERIAL, or the id of a state version");

/** A state version of the workspace named before it. */
export const versionOf = maybe(
  "VERSION",
  "another of its states: a serial such as 41 (the last state that has it), or an id",
);

/** How requests name a state. */
export type StateTarget =
  | { readonly stateVersionId: string }
  | { readonly organization: string; readonly workspace: string };

const withSerial = /^(.+)@(\d+)$/;

/** Names a state in a request: `sv_…`, `WS`, `WS@41`, or `WS` with a version of it. */
export async function stateOf(context: Context, named: string, version?: string): Promise<StateTarget> {
  if (isId("sv", named)) {
    if (version !== undefined)
      throw usageError(`${named} is one state already: "${version}" cannot be a version of it`);
    return { stateVersionId: named };
  }
  const [, workspace = named, serial = version] = withSerial.exec(named) ?? [];
  if (serial !== undefined) return { stateVersionId: await versionId(context, workspace, serial) };
  return { organization: await context.organization(), workspace };
}

/** The id of a version of a workspace, which is named by its serial or its id. */
export async function versionId(context: Context, workspace: string, version: string): Promise<string> {
  if (isId("sv", version)) return version;
  if (!/^\d+$/.test(version)) throw usageError(`a version is a serial such as 41 or an id (sv_…), not "${version}"`);
  const found = await bySerial(context, workspace, BigInt(version));
  if (found !== undefined) return found.id;
  throw new CliError("notFound", `workspace ${workspace} has no state with the serial ${version}`, {
    metadata: { resource: "state_version", workspace },
    hints: [{ label: "See them", command: context.command(`state list ${workspace} --all`) }],
  });
}

/** The last state that has this serial: a run may have replaced others of it on its way. */
async function bySerial(context: Context, workspace: string, serial: bigint): Promise<StateVersion | undefined> {
  const client = await context.client(StateService);
  const scope = { organization: await context.organization(), workspace, pageSize: 1000 };
  for (let pageToken = ""; ; ) {
    const page = await client.listStateVersions({ ...scope, pageToken });
    const found = page.stateVersions.filter((one) => one.serial === serial);
    const last = found.find(({ status }) => status === StateStatus.CURRENT) ?? found[0];
    if (last !== undefined || page.nextPageToken === "") return last;
    pageToken = page.nextPageToken;
  }
}
