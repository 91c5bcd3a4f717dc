import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { invalid } from "../../control/core/refusals.ts";
import {
  attachVariableSet,
  createVariableSet,
  deleteVariableSet,
  detachVariableSet,
  getVariableSet,
  listVariableSets,
  updateVariableSet,
} from "../../control/workspaces/variable-sets.ts";
import { VariableSetSchema } from "../../gen/windlass/v1/variable_pb.ts";
import type { VariableSetService } from "../../gen/windlass/v1/variable_set_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { fromMask } from "../mapping/field-mask.ts";
import { fromPage, toPage } from "../mapping/page.ts";
import { fromVariableSet, toVariableSet, variableSetFields } from "../mapping/variable-set.ts";

/** How these requests name a variable set. */
const referenceOf = ({
  organization,
  variableSet,
}: {
  readonly organization: string;
  readonly variableSet: string;
}) => ({
  organization,
  name: variableSet,
});

/** Manages variable sets. */
export const variableSetService = (control: Control): ServiceImpl<typeof VariableSetService> => ({
  createVariableSet: async ({ organization, variableSet, requestId }, context) => {
    if (variableSet === undefined) throw invalid("variable_set", "is required");
    const wanted = { organization, settings: fromVariableSet(variableSet), requestId };
    return { variableSet: toVariableSet(await createVariableSet(control, callerOf(context), wanted)) };
  },
  getVariableSet: async (request, context) => ({
    variableSet: toVariableSet(await getVariableSet(control, callerOf(context), referenceOf(request))),
  }),
  listVariableSets: async (request, context) => {
    const { organization, workspace } = request;
    const page = await listVariableSets(control, callerOf(context), {
      organization,
      workspace,
      page: fromPage(request),
    });
    const { messages: variableSets, nextPageToken } = toPage(page, VariableSetSchema, toVariableSet);
    return { variableSets, nextPageToken };
  },
  updateVariableSet: async (request, context) => {
    const changes = fromMask(request.updateMask, request.changes, variableSetFields);
    const update = { reference: referenceOf(request), changes, etag: request.etag };
    return { variableSet: toVariableSet(await updateVariableSet(control, callerOf(context), update)) };
  },
  deleteVariableSet: async (request, context) => {
    await deleteVariableSet(control, callerOf(context), referenceOf(request));
    return {};
  },
  attachVariableSet: async (request, context) => {
    const wanted = { reference: referenceOf(request), workspaces: request.workspaces };
    return { variableSet: toVariableSet(await attachVariableSet(control, callerOf(context), wanted)) };
  },
  detachVariableSet: async (request, context) => {
    const wanted = { reference: referenceOf(request), workspaces: request.workspaces };
    return { variableSet: toVariableSet(await detachVariableSet(control, callerOf(context), wanted)) };
  },
});
