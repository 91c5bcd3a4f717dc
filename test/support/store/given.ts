import type { Queries } from "../../../src/store/ports/store.ts";
import { configuration, organization, pool, run, workspace } from "./rows.ts";

/** Pages that hold all that a test has made, in the order of keys and of time. */
export const everything = { after: null, limit: 100 } as const;
export const newest = { before: null, limit: 100 } as const;

/** Asks one after the other: a transaction does one thing at a time. */
export async function inOrder<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<readonly R[]> {
  const answers: R[] = [];
  for (const item of items) answers.push(await ask(item));
  return answers;
}

export const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

/** A run with all that it belongs to. */
export async function aRun(tx: Queries): Promise<void> {
  await tx.organizations.insert(organization());
  await tx.pools.insert(pool());
  await tx.workspaces.insert(workspace());
  await tx.configurations.insert(configuration());
  await tx.runs.insert(run());
}
