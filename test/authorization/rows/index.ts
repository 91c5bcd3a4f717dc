import type { Row } from "../row.ts";
import { agentRows } from "./agents.ts";
import { keyRows } from "./keys.ts";
import { poolRows } from "./pools.ts";
import { runRows } from "./runs.ts";
import { systemRows } from "./system.ts";
import { workspaceRows } from "./workspaces.ts";

/** Every RPC, once. */
export const matrix: readonly Row[] = [
  ...systemRows,
  ...keyRows,
  ...poolRows,
  ...workspaceRows,
  ...runRows,
  ...agentRows,
];

/** True for calls that change something. */
export const isChange = ({ method }: Row): boolean => !method.idempotency;
