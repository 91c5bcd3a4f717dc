import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  ConfigurationService,
  type UploadConfigurationRequestSchema,
} from "../../../src/gen/windlass/v1/configuration_service_pb.ts";
import { UploadPurpose, UploadService } from "../../../src/gen/windlass/v1/upload_service_pb.ts";
import { VariableService } from "../../../src/gen/windlass/v1/variable_service_pb.ts";
import { VariableSetService } from "../../../src/gen/windlass/v1/variable_set_service_pb.ts";
import { WorkspaceService } from "../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { sha256 } from "../../support/control.ts";
import { type Ingredients, type Row, row } from "../row.ts";

const { method: workspaces } = WorkspaceService;
const { method: variables } = VariableService;
const { method: sets } = VariableSetService;
const { method: configurations } = ConfigurationService;
const { method: uploads } = UploadService;

const looks = { admits: "people", needs: "read", names: "thing" } as const;
const changes = { admits: "people", needs: "operate", names: "thing" } as const;
const lists = { admits: "people", needs: "read", names: "organization" } as const;
const creates = { ...lists, needs: "operate" } as const;

const theWorkspace = ({ place: { workspace } }: Ingredients) => ({ workspace });
const theOrganization = ({ place: { organization } }: Ingredients) => ({ organization });
const theSet = ({ place: { variableSet } }: Ingredients) => ({ variableSet });
const setAndWorkspaces = ({ place: { variableSet, workspace } }: Ingredients) => ({
  variableSet,
  workspaces: [workspace],
});
const theConfiguration = ({ place: { configuration } }: Ingredients) => ({ configurationVersionId: configuration });
const description = { changes: { description: "new" }, updateMask: { paths: ["description"] } };
let count = 0;

export const workspaceRows: readonly Row[] = [
  row(workspaces.createWorkspace, {
    ...creates,
    request: (given) => ({ ...theOrganization(given), workspace: { name: `new-ws-${++count}` } }),
  }),
  row(workspaces.getWorkspace, { ...looks, request: theWorkspace }),
  row(workspaces.listWorkspaces, { ...lists, request: theOrganization }),
  row(workspaces.updateWorkspace, { ...changes, request: (given) => ({ ...theWorkspace(given), ...description }) }),
  row(workspaces.deleteWorkspace, {
    ...changes,
    request: (given) => ({ ...theWorkspace(given), force: true }),
  }),
  row(workspaces.lockWorkspace, { ...changes, request: theWorkspace }),
  row(workspaces.unlockWorkspace, { ...changes, outcome: "NOT_LOCKED", request: theWorkspace }),

  row(variables.listVariables, { ...looks, request: theWorkspace }),
  row(variables.listEffectiveVariables, { ...looks, request: theWorkspace }),
  row(variables.setVariables, {
    ...changes,
    request: (given) => ({ ...theWorkspace(given), variables: [{ key: "zone", value: "a" }] }),
  }),
  row(variables.deleteVariable, { ...changes, request: (given) => ({ ...theWorkspace(given), key: "region" }) }),

  row(sets.createVariableSet, {
    ...creates,
    request: (given) => ({ ...theOrganization(given), variableSet: { name: `new-set-${++count}` } }),
  }),
  row(sets.getVariableSet, { ...looks, request: theSet }),
  row(sets.listVariableSets, { ...lists, request: theOrganization }),
  row(sets.updateVariableSet, { ...changes, request: (given) => ({ ...theSet(given), ...description }) }),
  row(sets.deleteVariableSet, { ...changes, request: theSet }),
  row(sets.attachVariableSet, { ...changes, request: setAndWorkspaces }),
  row(sets.detachVariableSet, { ...changes, request: setAndWorkspaces }),

  row(configurations.uploadConfiguration, {
    ...{ ...changes, needs: "plan", outcome: "ARCHIVE_REJECTED" },
    request: ({ place: { workspace } }): MessageInitShape<typeof UploadConfigurationRequestSchema>[] => [
      { part: { case: "header", value: { workspace, sizeBytes: 4n, sha256: sha256("abcd") } } },
      { part: { case: "chunk", value: Buffer.from("abcd") } },
    ],
  }),
  row(uploads.uploadPart, {
    ...{ ...changes, needs: "plan" },
    request: ({ place: { workspace } }) => ({
      ...{ workspace, purpose: UploadPurpose.CONFIGURATION },
      ...{ sizeBytes: 4n, sha256: sha256("abcd"), chunk: Buffer.from("abcd") },
    }),
  }),
  row(configurations.getConfiguration, { ...looks, request: theConfiguration }),
  row(configurations.listConfigurations, { ...looks, request: theWorkspace }),
  row(configurations.downloadConfiguration, { ...looks, request: theConfiguration }),
];
