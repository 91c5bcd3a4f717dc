import { expect, test } from "vitest";
import { describeOnBoth } from "../../../test/support/both-stores.ts";
import { idPrefixes } from "../../lib/ids.ts";
import {
  agent,
  apiKey,
  configuration,
  job,
  organization,
  pool,
  run,
  state,
  token,
  variable,
  variableSet,
  workspace,
} from "../fixture-rows.ts";
import type { Queries } from "../ports.ts";

async function insertOneOfEach(tx: Queries): Promise<void> {
  await tx.organizations.insert(organization());
  await tx.organizations.insert(organization({ id: "org_2", name: "rival" }));
  await tx.apiKeys.insert(apiKey());
  await tx.pools.insert(pool());
  await tx.tokens.insert(token());
  await tx.agents.insert(agent());
  await tx.workspaces.insert(workspace());
  await tx.variables.insert(variable());
  await tx.variableSets.insert(variableSet());
  await tx.configurations.insert(configuration());
  await tx.runs.insert(run());
  await tx.jobs.insert(job());
  await tx.states.insert(state());
}

describeOnBoth("ids", (store) => {
  test.each(idPrefixes)(
    "of kind %s are found in their own table, in their organization or in all of them",
    async (kind) => {
      await store.write(insertOneOfEach);
      const found = (text: string, organizationId: `org_${string}` | null) =>
        store.read((q) => q.ids.beginningWith(kind, { text, organizationId, limit: 9 }));
      const all = kind === "org" ? ["org_1", "org_2"] : [`${kind}_1`];
      expect(await found(kind, null)).toEqual(all);
      expect(await found(`${kind}_1`, "org_1")).toEqual([`${kind}_1`]);
      expect(await found(kind, "org_2")).toEqual(kind === "org" ? ["org_2"] : []);
      expect(await found(`${kind}_11`, null)).toEqual([]);
    },
  );
});
