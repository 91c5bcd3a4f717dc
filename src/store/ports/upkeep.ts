import type { Agent } from "../../domain/agents/agent.ts";
import type { AgentToken } from "../../domain/agents/token.ts";
import type { ApiKey } from "../../domain/people/api-key.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { Configuration } from "../../domain/workspaces/configuration.ts";
import type { StateVersion } from "../../domain/workspaces/state-version.ts";
import type {
  AgentTokenId,
  ApiKeyId,
  ConfigurationId,
  RunId,
  StateVersionId,
  WorkspaceId,
} from "../../lib/words/ids.ts";
import type { IdPage, Position } from "./pages.ts";

/** A page in the order of the ends of runs. */
export interface EndedPage {
  readonly after: { readonly endedAt: Date | null; readonly id: string } | null;
  readonly limit: number;
}

/** A run that has ended, as a retention passes it by. */
export interface EndedRun {
  readonly id: RunId;
  readonly endedAt: Date | null;
  readonly isNewest: boolean;
}

/** A superseded state, as a retention passes it by. */
export interface SupersededState
  extends Pick<StateVersion, "id" | "workspaceId" | "runId" | "createdAt" | "bytes" | "status"> {
  readonly isPointedTo: boolean;
}

/** A row with the keys of the objects that it needs. */
export interface BlobUse {
  readonly id: string;
  readonly keys: readonly string[];
}

/** Whose rows need objects. */
export type BlobTable = "configurations" | "runs" | "states" | "stateAnnouncements" | "uploads";

/** Where sealed values stand: of variables, what sensitive ones were before, and the tokens of providers' hosts. */
export type SealedTable = "variables" | "set_variables" | "former_secrets" | "provider_settings";

export interface SealedValue {
  /** Of its row. */
  readonly id: string;
  readonly sealedValue: Uint8Array;
}

/** Queries of the operator's commands and of the retention: over whole tables, all organizations together. */
export interface UpkeepQueries {
  /** Runs that are not final. */
  activeRuns(page: IdPage): Promise<readonly Run[]>;
  /** Runs that ended before `at`, in the order in which they ended, and whether they are the newest of their workspaces. */
  endedRuns(at: Date, page: EndedPage): Promise<readonly EndedRun[]>;
  /** When the first of the runs that are there ended; null if none has. */
  firstEnd(): Promise<Date | null>;
  /** Which of these runs have a state that is kept aside. */
  quarantinedRuns(ids: readonly RunId[]): Promise<ReadonlySet<RunId>>;
  /** Deletes a run with its jobs. */
  deleteRun(id: RunId): Promise<void>;
  agents(page: IdPage): Promise<readonly Agent[]>;
  /** Agents that said good-bye (`exited`) or were lost (`errored`), and were last seen before `at`. */
  goneAgents(status: "exited" | "errored", at: Date, page: IdPage): Promise<readonly Agent[]>;
  /** Configurations that were uploaded before `at`. */
  configurations(at: Date, page: IdPage): Promise<readonly Configuration[]>;
  /** Those of before `at` whose archive has not come. */
  pendingConfigurations(at: Date, page: IdPage): Promise<readonly Configuration[]>;
  /** The runs of a configuration. */
  runsUsing(configuration: Pick<Configuration, "id" | "workspaceId">): Promise<readonly RunId[]>;
  deleteConfiguration(id: ConfigurationId): Promise<void>;
  states(page: IdPage): Promise<readonly StateVersion[]>;
  /** The superseded ones among the states of a page of all; `next` is the last of the page, null at the end. */
  supersededStates(
    page: IdPage,
  ): Promise<{ readonly states: readonly SupersededState[]; readonly next: StateVersionId | null }>;
  /** Whether a run that is there has not ended, or has it as its newest accepted state, or one of its jobs as its newest. */
  isPointedTo(id: StateVersionId): Promise<boolean>;
  /** The accepted state of a workspace that `newer` others have followed; null if there are fewer. */
  acceptedStateAt(workspaceId: WorkspaceId, newer: number): Promise<Position | null>;
  /** When the accepted state that comes after this one was stored; null if none does. */
  supersededAt(workspaceId: WorkspaceId, position: Position): Promise<Date | null>;
  /** API keys that were revoked or had expired by `at`. */
  endedKeys(at: Date, page: IdPage): Promise<readonly ApiKey[]>;
  deleteKey(id: ApiKeyId): Promise<void>;
  /** The same for agent tokens. */
  endedTokens(at: Date, page: IdPage): Promise<readonly AgentToken[]>;
  deleteToken(id: AgentTokenId): Promise<void>;
  /** Runs with a plan file, its summary, or files that the plan made. */
  plannedRuns(page: IdPage): Promise<readonly Run[]>;
  /** What the rows of one table need of the object store. */
  blobUses(table: BlobTable, page: IdPage): Promise<readonly BlobUse[]>;
  sealedValues(table: SealedTable, page: IdPage): Promise<readonly SealedValue[]>;
  saveSealedValue(table: SealedTable, row: SealedValue): Promise<void>;
  /** Site admins' keys of that name that are not revoked. */
  siteAdminKeys(name: string): Promise<readonly ApiKey[]>;
}
