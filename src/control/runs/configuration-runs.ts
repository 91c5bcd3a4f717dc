import type { Principal } from "../../domain/people/principal.ts";
import type { RunOptions } from "../../domain/runs/run.ts";
import type { Configuration } from "../../domain/workspaces/configuration.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Change } from "../core/change.ts";
import type { Control } from "../core/control.ts";
import { type AnnouncedUpload, type TakenConfiguration, takeAnnounced } from "../workspaces/pending-configurations.ts";
import { demandRunRoom } from "./quota.ts";
import { insertRun } from "./runs.ts";

/** Takes the archive of a configuration that was announced; a run starts with it, in the uploader's name, if it was announced so. */
export const uploadAnnounced = (control: Control, who: Principal, upload: AnnouncedUpload): Promise<Configuration> =>
  takeAnnounced(control, who, upload, (tx, at, taken) => startRun(control, tx, at, taken));

/** A workspace that only stores state starts none. */
async function startRun(control: Control, tx: Queries, at: Change, taken: TakenConfiguration): Promise<void> {
  const { person, workspace, configuration } = taken;
  if (!configuration.queuesRun || workspace.executionMode === "local") return;
  await demandRunRoom(control, tx, workspace);
  const options: RunOptions = {
    ...plainOptions,
    isPlanOnly: configuration.isSpeculative,
    isAutoApply: !configuration.isSpeculative && workspace.isAutoApply,
  };
  const message = "Started by the upload of its configuration";
  const origin = { message, urgency: 1, source: "tfe-api", retryOf: null } as const;
  await insertRun(tx, at, { person, workspace, configurationId: configuration.id, options, ...origin });
}

const plainOptions: Omit<RunOptions, "isPlanOnly" | "isAutoApply"> = {
  isDestroy: false,
  skipsRefresh: false,
  isRefreshOnly: false,
  targets: [],
  replacements: [],
  variables: [],
  engineVersion: "",
  allowsEmptyApply: false,
  parallelism: 0,
};
