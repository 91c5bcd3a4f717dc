import type { MessageInitShape } from "@bufbuild/protobuf";
import { RunPhase, RunPriority } from "../../../src/gen/windlass/v1/run_pb.ts";
import { RunResolution, RunService } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { StateService, type UploadStateRequestSchema } from "../../../src/gen/windlass/v1/state_service_pb.ts";
import { sha256 } from "../../support/control.ts";
import { type Ingredients, type Row, row } from "../row.ts";

const { method: runs } = RunService;
const { method: states } = StateService;

const looks = { admits: "people", needs: "read", names: "thing" } as const;
const changes = { admits: "people", needs: "operate", names: "thing" } as const;

const theRun = ({ place: { run: runId } }: Ingredients) => ({ runId });
const thePlannedRun = ({ place: { planned: runId } }: Ingredients) => ({ runId });
const theState = ({ place: { state: stateVersionId } }: Ingredients) => ({ stateVersionId });
const theQuarantined = ({ place: { quarantined: stateVersionId } }: Ingredients) => ({ stateVersionId });
const pushed = JSON.stringify({ version: 4, terraform_version: "1.11.4", serial: 9, lineage: "lineage-1" });

export const runRows: readonly Row[] = [
  row(runs.createRun, {
    ...{ ...changes, judgedFirst: true },
    request: ({ place: { workspace } }) => ({ workspace }),
  }),
  row(runs.checkRun, {
    ...{ ...changes, judgedFirst: true },
    request: ({ place: { workspace } }) => ({ workspace }),
  }),
  row(runs.getRun, { ...looks, request: theRun }),
  row(runs.listRuns, {
    ...{ ...looks, names: "organization" },
    request: ({ place: { organization } }) => ({ organization }),
  }),
  row(runs.watchRun, { ...looks, request: theRun }),
  row(runs.streamRunLogs, { ...looks, request: (given) => ({ ...theRun(given), phase: RunPhase.PLAN }) }),
  row(runs.searchRunLogs, { ...looks, request: (given) => ({ ...theRun(given), phase: RunPhase.PLAN, text: "x" }) }),
  row(runs.getRunLogLines, { ...looks, request: (given) => ({ ...theRun(given), phase: RunPhase.PLAN }) }),
  row(runs.getRunPlan, { ...looks, request: thePlannedRun }),
  row(runs.listRunEvents, { ...looks, request: theRun }),
  row(runs.listLostResources, { ...looks, request: theRun }),
  row(runs.confirmRun, { ...changes, request: thePlannedRun }),
  row(runs.discardRun, { ...changes, request: thePlannedRun }),
  row(runs.cancelRun, { ...changes, request: theRun }),
  row(runs.forceExecuteRun, { ...changes, needs: "own", outcome: "RUN_NOT_QUEUED", request: theRun }),
  row(runs.resolveRun, {
    ...{ ...changes, judgedFirst: true, outcome: "RUN_NOT_RESOLVABLE" },
    request: (given) => ({ ...theRun(given), resolution: RunResolution.UNLOCK }),
  }),
  row(runs.retryRun, { ...changes, outcome: "RUN_NOT_RETRYABLE", request: theRun }),
  row(runs.commentRun, {
    ...{ ...changes, needs: "plan", judgedFirst: true },
    request: (given) => ({ ...theRun(given), comment: "looks good" }),
  }),
  row(runs.setRunPriority, {
    ...{ ...changes, outcome: "RUN_NOT_QUEUED" },
    request: (given) => ({ ...theRun(given), priority: RunPriority.LOW }),
  }),

  row(states.listStateVersions, { ...looks, request: ({ place: { workspace } }) => ({ workspace }) }),
  row(states.getStateVersion, { ...looks, request: theState }),
  row(states.getOutputs, { ...looks, request: theState }),
  row(states.listStateResources, { ...looks, request: theState }),
  row(states.diffStates, {
    ...looks,
    request: ({ place }) => ({ fromStateVersionId: place.olderState, toStateVersionId: place.state }),
  }),
  row(states.downloadState, { ...{ ...looks, needs: "plan", judgedFirst: true }, request: theState }),
  row(states.adoptState, { ...{ ...changes, judgedFirst: true }, request: theQuarantined }),
  row(states.dropState, { ...{ ...changes, judgedFirst: true }, request: theQuarantined }),
  row(states.rollbackState, {
    ...{ ...changes, judgedFirst: true },
    request: ({ place: { olderState: stateVersionId, state: expectedCurrentId } }) => ({
      stateVersionId,
      expectedCurrentId,
    }),
  }),
  row(states.uploadState, {
    ...{ ...changes, judgedFirst: true },
    request: ({ place: { workspace } }): MessageInitShape<typeof UploadStateRequestSchema>[] => [
      {
        part: {
          case: "header",
          value: { workspace, sizeBytes: BigInt(pushed.length), sha256: sha256(pushed) },
        },
      },
      { part: { case: "chunk", value: Buffer.from(pushed) } },
    ],
  }),
];
