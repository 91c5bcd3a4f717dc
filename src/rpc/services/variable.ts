import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { listEffectiveVariables } from "../../control/workspaces/effective-variables.ts";
import { deleteVariable, listVariables, setVariables } from "../../control/workspaces/variables.ts";
import { EffectiveVariableSchema, VariableSchema } from "../../gen/windlass/v1/variable_pb.ts";
import type { VariableService } from "../../gen/windlass/v1/variable_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { fromPage, toPage } from "../mapping/page.ts";
import { fromReference } from "../mapping/reference.ts";
import { fromCategory, fromVariable, toEffectiveVariable, toVariable } from "../mapping/variable.ts";

/** Manages the variables of workspaces and of variable sets. */
export const variableService = (control: Control): ServiceImpl<typeof VariableService> => ({
  listVariables: async (request, context) => {
    const wanted = { of: request, page: fromPage(request) };
    const page = await listVariables(control, callerOf(context), wanted);
    const { messages: variables, nextPageToken } = toPage(page, VariableSchema, toVariable);
    return { variables, nextPageToken };
  },
  setVariables: async (request, context) => {
    const variables = request.variables.map(fromVariable);
    const wanted = { of: request, variables, isTrial: request.validateOnly };
    return { variables: (await setVariables(control, callerOf(context), wanted)).map(toVariable) };
  },
  deleteVariable: async (request, context) => {
    const { key, category } = request;
    await deleteVariable(control, callerOf(context), { of: request, key, category: fromCategory(category) });
    return {};
  },
  listEffectiveVariables: async (request, context) => {
    const wanted = { workspace: fromReference(request), page: fromPage(request) };
    const page = await listEffectiveVariables(control, callerOf(context), wanted);
    const { messages: variables, nextPageToken } = toPage(page, EffectiveVariableSchema, toEffectiveVariable);
    return { variables, nextPageToken };
  },
});
