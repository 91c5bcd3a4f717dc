import type { Configuration } from "../../domain/workspaces/configuration.ts";
import type { StateAnnouncement } from "../../domain/workspaces/state-version.ts";
import type { Upload } from "../../store/ports/store.ts";
import type { GcControl, GcCount, GcOptions, Gone } from "./gc-counts.ts";
import { byId, collectRows, type RowKind } from "./gc-rows.ts";

/** Who has not finished an upload by then begins it again. */
const unfinishedMs = 24 * 3_600_000;

/**
 * Forgets what was begun and not finished: uploads that came in parts and were not used, configurations and states that were
 * announced and never came. Their objects go as those that nothing refers to.
 */
export async function collectUploads(control: GcControl, options: GcOptions, gone: Gone): Promise<GcCount> {
  const before = new Date(control.clock.now().getTime() - unfinishedMs);
  let count = 0;
  let bytes = 0;
  const parts: RowKind<Upload, string> = {
    page: byId((q, page) => q.uploads.begunBefore(before, page)),
    mayGo: async (q, { id }) => (await q.uploads.get(id)) !== undefined,
    remove: (tx, { id }) => tx.uploads.delete(id),
  };
  await collectRows(control, options, parts, ({ received }) => {
    count += 1;
    bytes += received;
  });
  const configurations: RowKind<Configuration, string> = {
    page: byId((q, page) => q.upkeep.pendingConfigurations(before, page)),
    mayGo: async (q, { id }) => (await q.configurations.get(id))?.status === "pending",
    remove: (tx, { id }) => tx.upkeep.deleteConfiguration(id),
  };
  await collectRows(control, options, configurations, ({ id }) => {
    // With a short retention it may have gone already.
    if (!gone.configurations.has(id)) count += 1;
    gone.configurations.add(id);
  });
  const announcements: RowKind<StateAnnouncement, string> = {
    page: byId((q, page) => q.stateAnnouncements.madeBefore(before, page)),
    mayGo: async (q, { id }) => (await q.stateAnnouncements.get(id)) !== undefined,
    remove: (tx, { id }) => tx.stateAnnouncements.delete(id),
  };
  await collectRows(control, options, announcements, ({ id }) => {
    gone.announcements.add(id);
    count += 1;
  });
  return { kind: "unfinished uploads", count, bytes };
}
