import type { Principal } from "../../domain/people/principal.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Control, ServedManifest } from "../core/control.ts";

/** The manifest, for an agent that is registered. */
export async function agentManifest(control: Control, who: Principal): Promise<ServedManifest> {
  demandAgent(who);
  const served = await control.agentUpdates?.releases.current();
  if (served !== undefined) return served;
  throw new WindlassError(
    "not_found",
    "this server has no agent releases: windlassd --agent-releases says where they are",
    {
      metadata: { resource: "agent release" },
    },
  );
}

/** The bytes of a file that the manifest lists. */
export async function* agentRelease(
  control: Control,
  who: Principal,
  { file, offset }: { readonly file: string; readonly offset: number },
): AsyncGenerator<Uint8Array> {
  const { files } = await agentManifest(control, who);
  const { agentUpdates } = control;
  if (!files.has(file) || agentUpdates === undefined)
    throw new WindlassError("not_found", `the manifest lists no file ${JSON.stringify(file)}`, {
      metadata: { resource: "agent release", name: file },
    });
  yield* await agentUpdates.releases.read(file, offset);
}

function demandAgent(who: Principal): void {
  if (who.kind === "agent_session") return;
  throw new WindlassError("permission_denied", "agent releases are for agents with a session token (wdl_ses_…)", {
    metadata: { action: "agent_releases" },
  });
}
