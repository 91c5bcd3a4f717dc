import { objectRows } from "./objects.ts";
import { organizationRows } from "./organizations.ts";
import { planDocumentRows } from "./plan-documents.ts";
import { poolRows } from "./pools.ts";
import type { TfeRow } from "./row.ts";
import { runRows } from "./runs.ts";
import { variableRows } from "./variables.ts";
import { workspaceRows } from "./workspaces.ts";

/** A row for every route of the TFE API. */
export const allRows: readonly TfeRow[] = [
  ...organizationRows,
  ...workspaceRows,
  ...poolRows,
  ...variableRows,
  ...planDocumentRows,
  ...runRows,
  ...objectRows,
];
