import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { Transport } from "@connectrpc/connect";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import type { TransferPace } from "../../lib/transfer/transfer-pace.ts";
import type { AgentConfig } from "../contract/config.ts";
import type { SessionHost } from "../contract/session-host.ts";
import type { UpdateConfig } from "../contract/update-talk.ts";
import { slotsIn } from "./slots.ts";
import { mirrorSource, serverSource, type UpdateSource } from "./sources.ts";
import { Updater } from "./updater.ts";

interface UpdaterParts {
  readonly config: AgentConfig;
  readonly table: Pick<SessionHost, "isDraining" | "onChange"> & { readonly isIdle: boolean };
  readonly transport: Transport;
  readonly transfers?: Transport | undefined;
  readonly sessionToken: () => string;
  readonly serverVersion: () => string;
  readonly pace: TransferPace;
  readonly clock: Clock;
  readonly log: Log;
}

/** What follows the server's wishes; undefined for an agent that is no program of its own. */
export function openUpdater(parts: UpdaterParts): Updater | undefined {
  const { config, table, clock, log, serverVersion } = parts;
  const { update, dataDir, version } = config;
  if (update === undefined) return undefined;
  return new Updater({
    ...{ config: update, dataDir, version, clock, log, serverVersion },
    obstacle: obstacleOf(config, update),
    minFreeBytes: config.minFreeBytes + (config.reserveBytes ?? 0),
    source: sourceOf(parts, update),
    moments: {
      isIdle: () => table.isIdle,
      isLeaving: () => table.isDraining(),
      onChange: (listener) => table.onChange(() => listener()),
    },
  });
}

const sourceOf = ({ transport, transfers = transport, ...parts }: UpdaterParts, update: UpdateConfig): UpdateSource =>
  update.url === undefined
    ? serverSource({ ...parts, transport: transfers })
    : mirrorSource(update.url, update.authorities, parts.clock);

/** Why an agent does not update itself, in one sentence; undefined if it does. */
export function obstacleOf(config: AgentConfig, { strategy, launch, keys }: UpdateConfig): string | undefined {
  if (strategy === "disabled") return "it was told --auto-update disabled";
  if (keys.length === 0) return "it runs from a checkout or is one file: install it from an archive to have it updated";
  if (launch === undefined)
    return "it was installed by a package, or was not started by its launcher: who installed it updates it";
  if ((config.maxJobs ?? 0) > 0) return "it leaves after some jobs: whoever starts it again chooses the version";
  if (launch.versions !== realSlots(config.dataDir))
    return `its launcher looks for versions in ${launch.versions}, and its data directory is ${config.dataDir}`;
  return undefined;
}

function realSlots(dataDir: string): string {
  try {
    return slotsIn(realpathSync(dataDir));
  } catch {
    return join(dataDir, "versions");
  }
}
