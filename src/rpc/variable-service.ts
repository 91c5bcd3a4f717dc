import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../control/control.ts";
import { deleteVariable, listVariables, setVariables } from "../control/variables.ts";
import type { VariableService } from "../gen/windlass/v1/variable_service_pb.ts";
import { callerOf } from "./caller.ts";
import { pageOf } from "./mapping/page.ts";
import { workspaceReference } from "./mapping/reference.ts";
import { fromCategory, fromVariable, toVariable } from "./mapping/variable.ts";

/** Manages the variables of workspaces. */
export const variableService = (control: Control): ServiceImpl<typeof VariableService> => ({
  listVariables: async (request, context) => {
    const wanted = { workspace: workspaceReference(request), page: pageOf(request) };
    const { rows, nextToken } = await listVariables(control, callerOf(context), wanted);
    return { variables: rows.map(toVariable), nextPageToken: nextToken };
  },
  setVariables: async (request, context) => {
    const wanted = { workspace: workspaceReference(request), variables: request.variables.map(fromVariable) };
    return { variables: (await setVariables(control, callerOf(context), wanted)).map(toVariable) };
  },
  deleteVariable: async (request, context) => {
    const { key, category } = request;
    const name = { workspace: workspaceReference(request), key, category: fromCategory(category) };
    await deleteVariable(control, callerOf(context), name);
    return {};
  },
});
