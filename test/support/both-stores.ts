import { afterEach, beforeEach, describe } from "vitest";
import { agent, configuration, organization, pool, run, token, workspace } from "../../src/store/fixture-rows.ts";
import { openStore } from "../../src/store/open.ts";
import type { Queries, Store } from "../../src/store/ports.ts";
import { testEngines } from "../engines.ts";

/** A store that is empty at the begin of each test. */
export interface FreshStore {
  /** Its engine's name. */
  readonly engine: string;
  read<R>(ask: (q: Queries) => Promise<R>): Promise<R>;
  write<R>(change: (tx: Queries) => Promise<R>): Promise<R>;
}

/** Runs the tests on both engines: what a query promises holds on each. */
export const describeOnBoth = (what: string, tests: (store: FreshStore) => void): void =>
  describe.each(testEngines)(`${what} on $name`, (engine) => {
    let held: AsyncDisposableStack;
    let open: Store;
    beforeEach(async () => {
      held = new AsyncDisposableStack();
      open = held.use(await openStore({ url: (await engine.urls(held)).rows }));
    });
    afterEach(() => held.disposeAsync());
    tests({
      engine: engine.name,
      read: (ask) => open.read(ask),
      write: (change) => open.write(change),
    });
  });

/** Two organizations: `acme` with a pool, a token, an agent, a workspace and a run, and `rival` with nothing. */
export async function insertBasics(tx: Queries): Promise<void> {
  await tx.organizations.insert(organization());
  await tx.organizations.insert(organization({ id: "org_2", name: "rival" }));
  await tx.pools.insert(pool());
  await tx.tokens.insert(token());
  await tx.agents.insert(agent());
  await tx.workspaces.insert(workspace());
  await tx.configurations.insert(configuration());
  await tx.runs.insert(run());
}
