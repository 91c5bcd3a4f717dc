import { mayOperate, type Person, sees } from "../../domain/people/principal.ts";
import { type Configuration, whyNotUsable } from "../../domain/workspaces/configuration.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import { notFound } from "../core/access.ts";
import { keyOfActor } from "../core/audit.ts";
import type { Control } from "../core/control.ts";

/** What a run that is asked for says of its configuration. */
interface Wanted {
  /** Empty: the workspace's newest. */
  readonly configurationId: string;
  readonly options: { readonly isPlanOnly: boolean };
}

/** The run that is asked for, as the configuration lets it be: a speculative one is planned and never applied. */
export async function asSpeculative<T extends Wanted>(
  { store }: Pick<Control, "store">,
  person: Person,
  asked: T,
): Promise<T> {
  const { configurationId: id, options } = asked;
  if (options.isPlanOnly || !isId("cv", id)) return asked;
  const configuration = await store.read((q) => q.configurations.get(id));
  const isSpeculative = configuration?.isSpeculative === true && sees(person, configuration.organizationId);
  return isSpeculative ? { ...asked, options: { ...options, isPlanOnly: true } } : asked;
}

/** The configuration that a run names, or its workspace's newest. Throws `validation` if there is none that it can have. */
export async function chosenConfiguration(
  tx: Queries,
  workspace: Workspace,
  { configurationId: id, options }: Wanted,
): Promise<Configuration> {
  if (id === "") {
    const newest = await newestConfiguration(tx, workspace, !options.isPlanOnly);
    if (newest !== undefined) return newest;
    throw refused(
      `workspace ${workspace.name} has no configuration yet: upload one`,
      "the workspace has no configuration: upload one first",
    );
  }
  const found = isId("cv", id) ? await tx.configurations.get(id) : undefined;
  if (found === undefined || found.workspaceId !== workspace.id)
    throw notFound("configuration version", id, { workspace: workspace.name });
  const why = whyNotUsable(found);
  if (why === undefined) return found;
  throw refused(why, why);
}

const refused = (message: string, description: string): WindlassError =>
  new WindlassError("validation", message, { fields: [{ field: "configuration_version_id", description }] });

/** How far back the newest configuration is looked for. */
const maxConfigurations = 100;

/** The newest configuration; for a run that may apply, the newest of somebody who may do so too. */
async function newestConfiguration(
  tx: Queries,
  workspace: Workspace,
  mayApply: boolean,
): Promise<Configuration | undefined> {
  const limit = mayApply ? maxConfigurations : 1;
  for (const found of await tx.configurations.usable(workspace.id, { mayApply }, { before: null, limit })) {
    if (!mayApply) return found;
    const keyId = keyOfActor(found.createdBy);
    const key = keyId === undefined ? undefined : await tx.apiKeys.get(keyId);
    if (key === undefined || mayOperate(key.role)) return found;
  }
  return undefined;
}
