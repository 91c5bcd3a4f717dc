import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../control/control.ts";
import { adoptState, dropState } from "../control/quarantine.ts";
import { downloadState, getOutputs, getState, listStates, type StateReference } from "../control/states.ts";
import type { Principal } from "../domain/principal.ts";
import type { DownloadStateResponseSchema, StateService } from "../gen/windlass/v1/state_service_pb.ts";
import { callerOf } from "./caller.ts";
import { pageOf } from "./mapping/page.ts";
import { workspaceReference } from "./mapping/reference.ts";
import { toOutput, toStateVersion } from "./mapping/state.ts";

interface NamesState {
  readonly stateVersionId: string;
  readonly organization: string;
  readonly workspace: string;
}

const referenceOf = (request: NamesState): StateReference => ({
  id: request.stateVersionId,
  workspace: workspaceReference(request),
});

/** Reads the states of workspaces. */
export const stateService = (control: Control): ServiceImpl<typeof StateService> => ({
  listStateVersions: async (request, context) => {
    const { quarantined: isQuarantined } = request;
    const wanted = { workspace: workspaceReference(request), isQuarantined, page: pageOf(request) };
    const { rows, nextToken } = await listStates(control, callerOf(context), wanted);
    return { stateVersions: rows.map(toStateVersion), nextPageToken: nextToken };
  },
  getStateVersion: async (request, context) => ({
    stateVersion: toStateVersion(await getState(control, callerOf(context), referenceOf(request))),
  }),
  downloadState: (request, context) => download(control, callerOf(context), referenceOf(request)),
  adoptState: async ({ stateVersionId: id, force: isForced }, context) => ({
    stateVersion: toStateVersion(await adoptState(control, callerOf(context), { id, isForced })),
  }),
  dropState: async ({ stateVersionId }, context) => {
    await dropState(control, callerOf(context), stateVersionId);
    return {};
  },
  getOutputs: async (request, context) => ({
    outputs: (await getOutputs(control, callerOf(context), referenceOf(request))).map(toOutput),
  }),
});

async function* download(
  control: Control,
  who: Principal,
  reference: StateReference,
): AsyncGenerator<MessageInitShape<typeof DownloadStateResponseSchema>> {
  for await (const chunk of downloadState(control, who, reference)) yield { chunk };
}
