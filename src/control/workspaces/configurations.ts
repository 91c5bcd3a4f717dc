import type { Person, Principal } from "../../domain/people/principal.ts";
import { type Configuration, plainConfiguration } from "../../domain/workspaces/configuration.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { isId, newId } from "../../lib/words/ids.ts";
import type { Slice, Sliced } from "../../store/ports/pages.ts";
import type { Queries } from "../../store/ports/store.ts";
import { asPerson, demand, findWorkspace, type Reference, visible } from "../core/access.ts";
import { actorOf, record } from "../core/audit.ts";
import { changeAbout } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { type Page, type PageRequest, pageByTime, withRows } from "../core/pages.ts";
import { checkedArchive } from "./archive-intake.ts";

/** A configuration with the name of its workspace. */
export interface ConfigurationView {
  readonly configuration: Configuration;
  readonly workspaceName: string;
}

export interface ConfigurationUpload {
  readonly workspace: Reference;
  /** Size of the archive. */
  readonly bytes: number;
  /** SHA-256 of the archive, in hex. */
  readonly sha256: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * Takes an archive in. It becomes a configuration once every byte has arrived, its size and SHA-256 are as announced and
 * it holds nothing that must not be unpacked; a refused one leaves nothing behind.
 */
export async function uploadConfiguration(
  control: Control,
  who: Principal,
  { workspace: reference, chunks, ...announced }: ConfigurationUpload,
): Promise<ConfigurationView> {
  const person = asPerson(who);
  const { id: workspaceId } = await control.store.read(async (q) => {
    const workspace = await findWorkspace(q, person, reference);
    demand(person, "plan");
    return workspace;
  });
  const maxBytes = control.limits.maxConfigurationBytes;
  if (announced.bytes > maxBytes) throw tooLarge(announced.bytes, maxBytes);
  const archive = checkedArchive(chunks, announced, maxBytes);
  const blob = await control.blobs.put(archive.bytes, { maxBytes });
  const contents = await archive.contents;
  return changeAbout(control, workspaceId, async (tx, at) => {
    const workspace = await findWorkspace(tx, person, { organization: "", name: workspaceId });
    const row: Configuration = {
      id: newId("cv", control.random),
      organizationId: workspace.organizationId,
      workspaceId,
      blobKey: blob.key,
      bytes: blob.bytes,
      sha256: blob.sha256,
      fileCount: contents.files,
      ...plainConfiguration,
      uploadedAt: at.now,
      createdBy: actorOf(person),
      createdAt: at.now,
    };
    await tx.configurations.insert(row);
    const detail = { workspace: workspace.name, bytes: String(row.bytes), sha256: row.sha256 };
    const entry = { action: "configuration.upload", resource: row.id, organizationId: row.organizationId, detail };
    await record(tx, person, { ...entry, at: at.now });
    return { configuration: row, workspaceName: workspace.name };
  });
}

function tooLarge(bytes: number, maxBytes: number): WindlassError {
  const message = `the archive has ${bytes} bytes: at most ${maxBytes} are allowed. Name what the run does not need in .terraformignore, or start windlassd with a higher limit`;
  return new WindlassError("upload_too_large", message, { metadata: { limit_bytes: String(maxBytes) } });
}

/** The configuration of that id. */
export async function getConfiguration(control: Control, who: Principal, id: string): Promise<ConfigurationView> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const configuration = await findConfiguration(q, person, id);
    const workspace = await q.workspaces.get(configuration.workspaceId);
    return { configuration, workspaceName: workspace?.name ?? "" };
  });
}

/** The configurations of a workspace, newest first. */
export async function listConfigurations(
  control: Control,
  who: Principal,
  { workspace: reference, page }: { readonly workspace: Reference; readonly page: PageRequest },
): Promise<Page<ConfigurationView>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => {
    const workspace = await findWorkspace(q, person, reference);
    const found = await pageByTime(
      page,
      (times) => q.configurations.list(workspace.id, times),
      (row) => row,
    );
    return withRows(
      found,
      found.rows.map((configuration) => ({ configuration, workspaceName: workspace.name })),
    );
  });
}

/** A counted part of the configurations of a workspace, newest first. */
export async function sliceConfigurations(
  control: Control,
  who: Principal,
  { workspace: reference, ...slice }: Slice & { readonly workspace: Reference },
): Promise<Sliced<Configuration>> {
  const person = asPerson(who);
  demand(person, "read");
  return control.store.read(async (q) => q.configurations.slice((await findWorkspace(q, person, reference)).id, slice));
}

/** The archive as it was uploaded, in pieces of at most 1 MiB. */
export async function* downloadConfiguration(
  control: Control,
  who: Principal,
  id: string,
): AsyncGenerator<Uint8Array, void> {
  const { configuration } = await getConfiguration(control, who, id);
  if (configuration.blobKey === "")
    throw new WindlassError("not_found", `configuration version ${id} has no archive: it is ${configuration.status}`, {
      metadata: { resource: "archive of configuration version", name: id },
    });
  yield* control.blobs.get(configuration.blobKey);
}

/** The configuration of that id, if the person may see it. */
export async function findConfiguration(q: Queries, person: Person, id: string): Promise<Configuration> {
  return visible(person, isId("cv", id) ? await q.configurations.get(id) : undefined, "configuration version", id);
}
