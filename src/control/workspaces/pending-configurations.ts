import type { Person, Principal } from "../../domain/people/principal.ts";
import { isFinal } from "../../domain/runs/run.ts";
import {
  type Configuration,
  pendingConfiguration,
  whyNotArchived,
  whyNotTaken,
} from "../../domain/workspaces/configuration.ts";
import type { Workspace } from "../../domain/workspaces/workspace.ts";
import type { ArchiveContents } from "../../lib/archive/unpack.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { newId } from "../../lib/words/ids.ts";
import type { StoredBlob } from "../../store/ports/blobs.ts";
import type { Queries } from "../../store/ports/store.ts";
import { aboutWorkspace, asPerson, demand, findWorkspace, type Reference } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { type Change, changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { checkedArchive } from "./archive-intake.ts";
import { type ConfigurationView, findConfiguration } from "./configurations.ts";

/** A configuration whose archive comes later. */
export interface NewConfiguration extends Pick<Configuration, "isSpeculative" | "isProvisional" | "queuesRun"> {
  readonly workspace: Reference;
}

/** Makes a configuration that waits for its archive. Whoever lets it start a run that applies must be allowed to start one. */
export async function announceConfiguration(
  control: Control,
  who: Principal,
  { workspace: reference, ...wish }: NewConfiguration,
): Promise<ConfigurationView> {
  const person = asPerson(who);
  return changeAbout(control, aboutWorkspace(person, reference), async (tx, at) => {
    const workspace = await findWorkspace(tx, person, reference);
    demand(person, wish.queuesRun && !wish.isSpeculative ? "operate" : "plan");
    await demandRoom(tx, workspace);
    const { id: workspaceId, organizationId, name: workspaceName } = workspace;
    const configuration: Configuration = {
      ...pendingConfiguration,
      ...wish,
      ...{ id: newId("cv", control.random), organizationId, workspaceId },
      ...{ createdBy: actorOf(person), createdAt: at.now },
    };
    await tx.configurations.insert(configuration);
    const entry = { action: "configuration.create", resource: configuration.id, organizationId };
    await record(tx, person, { ...entry, detail: { workspace: workspaceName }, at: at.now });
    return { configuration, workspaceName };
  });
}

/** How many configurations of a workspace may wait for their archives. */
const maxPending = 100;

async function demandRoom(tx: Queries, { id, name }: Workspace): Promise<void> {
  if ((await tx.configurations.countPending(id)) < maxPending) return;
  const message = `workspace "${name}" has ${maxPending} configuration versions that wait for their archives, and no more at a time: upload one of them, or wait a day`;
  throw new WindlassError("quota_exceeded", message, { metadata: { limit: String(maxPending) } });
}

/** An archive for a configuration that was announced. */
export interface AnnouncedUpload {
  readonly id: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A configuration that has its archive, in the transaction that says so. */
export interface TakenConfiguration {
  readonly person: Person;
  readonly workspace: Workspace;
  readonly configuration: Configuration;
}

/**
 * Takes the archive of a configuration in. One that must not be unpacked is refused, and the configuration says why. As long as no
 * run has used it another archive takes its place.
 */
export async function takeAnnounced(
  control: Control,
  who: Principal,
  { id, chunks }: AnnouncedUpload,
  taken: (tx: Queries, at: Change, what: TakenConfiguration) => Promise<void>,
): Promise<Configuration> {
  const person = asPerson(who);
  await control.store.read((q) => openConfiguration(q, person, id));
  const maxBytes = control.limits.maxConfigurationBytes;
  const archive = checkedArchive(chunks, undefined, maxBytes);
  const blob = await control.blobs.put(archive.bytes, { maxBytes }).catch(async (error: unknown) => {
    if (isWindlassError(error, "archive_rejected")) await noteRefusal(control, person, { id, why: error.message });
    throw error;
  });
  const contents = await archive.contents;
  return changeAbout(control, id, async (tx, at) => {
    const { configuration: before, workspace } = await openConfiguration(tx, person, id);
    const configuration = withArchive(before, { blob, contents, at: at.now });
    await tx.configurations.save(configuration);
    const { organizationId, sha256, bytes } = configuration;
    const detail = { workspace: workspace.name, bytes: String(bytes), sha256 };
    await record(tx, person, {
      action: "configuration.upload",
      resource: before.id,
      organizationId,
      detail,
      at: at.now,
    });
    await taken(tx, at, { person, workspace, configuration });
    return configuration;
  });
}

interface Arrived {
  readonly blob: StoredBlob;
  readonly contents: ArchiveContents;
  readonly at: Date;
}

const withArchive = (before: Configuration, { blob, contents, at }: Arrived): Configuration => ({
  ...before,
  ...{ status: "uploaded", errorMessage: "", uploadedAt: at },
  ...{ blobKey: blob.key, bytes: blob.bytes, sha256: blob.sha256, fileCount: contents.files },
});

/** One that an archive may still come for. */
async function openConfiguration(
  q: Queries,
  person: Person,
  id: string,
): Promise<{ readonly configuration: Configuration; readonly workspace: Workspace }> {
  const configuration = await findConfiguration(q, person, id);
  demand(person, configuration.queuesRun && !configuration.isSpeculative ? "operate" : "plan");
  const why = whyNotTaken(configuration, (await q.upkeep.runsUsing(configuration)).length > 0);
  if (why !== undefined)
    throw new WindlassError("etag_mismatch", why, { metadata: { current_etag: configuration.status } });
  const workspace = await findWorkspace(q, person, { organization: "", name: configuration.workspaceId });
  return { configuration, workspace };
}

/** What was uploaded before stays as it is. */
async function noteRefusal(
  control: Control,
  person: Person,
  { id, why }: { readonly id: string; readonly why: string },
): Promise<void> {
  await changeAbout(control, id, async (tx) => {
    const { configuration } = await openConfiguration(tx, person, id);
    if (configuration.status === "uploaded") return;
    await tx.configurations.save({ ...configuration, status: "errored", errorMessage: why });
  });
}

/** Lets go of the archive of a configuration that is no longer needed: it starts no more runs. */
export async function archiveConfiguration(control: Control, who: Principal, id: string): Promise<Configuration> {
  const person = asPerson(who);
  return changeAbout(control, id, async (tx, at) => {
    const before = await findConfiguration(tx, person, id);
    demand(person, "operate");
    const isCurrent = (await tx.configurations.current(before.workspaceId))?.id === before.id;
    const why = whyNotArchived(before, { isCurrent, isNeeded: await isNeeded(tx, before) });
    if (why !== undefined) throw new WindlassError("validation", why);
    const configuration: Configuration = { ...before, status: "archived", blobKey: "" };
    await tx.configurations.save(configuration);
    const { organizationId } = before;
    await record(tx, person, { action: "configuration.archive", resource: before.id, organizationId, at: at.now });
    return configuration;
  });
}

async function isNeeded(q: Queries, configuration: Configuration): Promise<boolean> {
  for (const id of await q.upkeep.runsUsing(configuration)) {
    const run = await q.runs.get(id);
    if (run !== undefined && !isFinal(run.status)) return true;
  }
  return false;
}
