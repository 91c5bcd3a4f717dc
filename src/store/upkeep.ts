import type { Agent } from "../domain/agent.ts";
import type { ApiKey } from "../domain/api-key.ts";
import type { Configuration } from "../domain/configuration.ts";
import type { Run } from "../domain/run.ts";
import type { StateVersion } from "../domain/state-version.ts";
import type { ConfigurationId, RunId, VariableId } from "../lib/ids.ts";

/** A page in the order of ids: rows whose id sorts after `after`, at most `limit`. */
export interface IdPage {
  readonly after: string | null;
  readonly limit: number;
}

/** A row with the keys of the objects that it needs. */
export interface BlobUse {
  readonly id: string;
  readonly keys: readonly string[];
}

/** Where sealed values of variables stand. */
export type SealedTable = "variables" | "set_variables";

export interface SealedValue {
  readonly id: VariableId;
  readonly sealedValue: Uint8Array;
}

/** Queries of the operator's commands and of the retention: over whole tables, all organizations together. */
export interface UpkeepQueries {
  /** Runs that are not final. */
  activeRuns(page: IdPage): Promise<readonly Run[]>;
  /** Runs that ended before `at`. */
  endedRuns(at: Date, page: IdPage): Promise<readonly Run[]>;
  /** Which of these runs have a state that is kept aside. */
  quarantinedRuns(ids: readonly RunId[]): Promise<ReadonlySet<RunId>>;
  /** Deletes a run with its jobs. */
  deleteRun(id: RunId): Promise<void>;
  agents(page: IdPage): Promise<readonly Agent[]>;
  /** Agents that said good-bye and were last seen before `at`. */
  exitedAgents(at: Date, page: IdPage): Promise<readonly Agent[]>;
  /** Configurations that were uploaded before `at`. */
  configurations(at: Date, page: IdPage): Promise<readonly Configuration[]>;
  /** The runs of a configuration. */
  runsUsing(configuration: Pick<Configuration, "id" | "workspaceId">): Promise<readonly RunId[]>;
  deleteConfiguration(id: ConfigurationId): Promise<void>;
  states(page: IdPage): Promise<readonly StateVersion[]>;
  /** Runs with a plan file or its summary. */
  plannedRuns(page: IdPage): Promise<readonly Run[]>;
  /** What the rows of one table need of the object store. */
  blobUses(table: "configurations" | "runs" | "states", page: IdPage): Promise<readonly BlobUse[]>;
  sealedValues(table: SealedTable, page: IdPage): Promise<readonly SealedValue[]>;
  saveSealedValue(table: SealedTable, row: SealedValue): Promise<void>;
  /** Site admins' keys of that name that are not revoked. */
  siteAdminKeys(name: string): Promise<readonly ApiKey[]>;
}
