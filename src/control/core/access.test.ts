import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { runRow } from "../../../test/support/rows.ts";
import * as rows from "../../../test/support/store/rows.ts";
import type { Permission, Person, Principal } from "../../domain/people/principal.ts";
import { type IdPrefix, newId } from "../../lib/words/ids.ts";
import type { Queries } from "../../store/ports/store.ts";
import {
  asPerson,
  demand,
  findOrganization,
  findPool,
  findRun,
  findVariableSet,
  findWorkspace,
  type Reference,
} from "./access.ts";

let fixture: TestControl;
let ids: { readonly pool: string; readonly workspace: string; readonly set: string; readonly run: string };

/** The same names in both organizations. */
beforeAll(async () => {
  fixture = await openTestControl();
  const { control, organization, sibling } = fixture;
  const fresh = <P extends IdPrefix>(prefix: P) => newId(prefix, control.random);
  await control.store.write(async (tx) => {
    for (const { id: organizationId } of [sibling, organization]) {
      const pool = rows.pool({ id: fresh("apool"), organizationId });
      const workspace = rows.workspace({ id: fresh("ws"), organizationId });
      const set = rows.variableSet({ id: fresh("vset"), organizationId });
      const run = runRow(workspace);
      await tx.pools.insert(pool);
      await tx.workspaces.insert(workspace);
      await tx.variableSets.insert(set);
      await tx.runs.insert(run);
      ids = { pool: pool.id, workspace: workspace.id, set: set.id, run: run.id };
    }
  });
});
afterAll(() => fixture[Symbol.asyncDispose]());

const find = <T>(ask: (q: Queries) => Promise<T>) => fixture.control.store.read(ask);
type Finder = (q: Queries, who: Person, wanted: Reference) => Promise<{ readonly id: string }>;
const finders: Readonly<Record<"pool" | "workspace" | "set", { name: string; resource: string; of: Finder }>> = {
  pool: { name: "prod", resource: "agent pool", of: findPool },
  workspace: { name: "network", resource: "workspace", of: findWorkspace },
  set: { name: "cloud", resource: "variable set", of: findVariableSet },
};

describe.each(["pool", "workspace", "set"] as const)("a %s", (what) => {
  const { name, resource, of } = finders[what];
  const seen = async (who: Person, organization: string, wanted: string) =>
    (await find((q) => of(q, who, { organization, name: wanted }))).id;

  test("is found by its name in an organization, and by its id in any", async () => {
    const reader = fixture.as("reader");
    expect(await seen(reader, "acme", name)).toBe(ids[what]);
    expect(await seen(reader, "", name)).toBe(ids[what]);
    expect(await seen(reader, fixture.organization.id, name)).toBe(ids[what]);
    expect(await seen(reader, "", ids[what])).toBe(ids[what]);
    expect(await seen(fixture.admin, "", ids[what])).toBe(ids[what]);
  });

  test("of another organization looks as one that is not there", async () => {
    const stranger = fixture.as("owner", fixture.sibling);
    const refusal = (wanted: string) => ({
      ...{ code: "not_found", message: `${resource} "${wanted}" does not exist, or you may not see it` },
      metadata: { resource, name: wanted },
    });
    await expect(seen(stranger, "", ids[what])).rejects.toMatchObject(refusal(ids[what]));
    await expect(seen(stranger, "", "nothing")).rejects.toMatchObject(refusal("nothing"));
    // The same name is another one's there.
    expect(await seen(stranger, "", name)).not.toBe(ids[what]);
    await expect(seen(stranger, "acme", name)).rejects.toMatchObject({ metadata: { resource: "organization" } });
  });

  test("needs the name of an organization from somebody who sees several", async () => {
    await expect(seen(fixture.admin, "", name)).rejects.toMatchObject({
      ...{ code: "organization_required", message: "name an organization: you can see acme, rival" },
      metadata: { organizations: "acme,rival" },
    });
    expect(await seen(fixture.admin, "acme", name)).toBe(ids[what]);
  });
});

describe("a run", () => {
  test("is found by its id, by those who see it", async () => {
    expect((await find((q) => findRun(q, fixture.as("reader"), ids.run))).id).toBe(ids.run);
    const stranger = fixture.as("owner", fixture.sibling);
    for (const [who, id] of [[stranger, ids.run] as const, [fixture.admin, "network"] as const])
      await expect(find((q) => findRun(q, who, id))).rejects.toMatchObject({
        ...{ code: "not_found", metadata: { resource: "run", name: id } },
      });
  });
});

describe("an organization", () => {
  test("that was deleted is not found by its own people", async () => {
    const orphan: Person = { ...fixture.as("owner"), organizationId: newId("org", fixture.control.random) };
    await expect(find((q) => findOrganization(q, orphan, ""))).rejects.toMatchObject({ code: "not_found" });
  });

  test("of others is not told from none, by name or by id", async () => {
    const owner = fixture.as("owner");
    for (const wanted of ["rival", fixture.sibling.id, "nobody", newId("org", fixture.control.random)])
      await expect(find((q) => findOrganization(q, owner, wanted))).rejects.toMatchObject({
        message: `organization "${wanted}" does not exist, or you may not see it`,
      });
  });
});

describe("what a role does not allow is refused with what it needs", () => {
  test.each<readonly [Exclude<Person["role"], "site_admin">, Permission, string]>([
    ["reader", "plan", "the role planner or higher"],
    ["planner", "operate", "the role operator or higher"],
    ["operator", "own", "the role owner"],
    ["owner", "administer_site", "a site admin"],
  ])("a %s: %s", (role, permission, needs) => {
    const who = fixture.as(role);
    expect(() => demand(who, permission)).toThrow(`key "an ${role}" (role ${role}) may not do this: it needs ${needs}`);
    expect(() => demand(fixture.admin, permission)).not.toThrow();
  });
});

test.each<readonly [string, Principal]>([
  ["an agent token", { kind: "agent_token", id: "atok_1", poolId: "apool_1", organizationId: "org_1" }],
  ["the server agent's token", { kind: "server_agent" }],
  ["an agent's session", { kind: "agent_session", agentId: "agent_1" }],
  ["a job token", { kind: "job", jobId: "job_1", epoch: 1 }],
])("%s manages nothing", (what, who) => {
  expect(() => asPerson(who)).toThrow(`this call needs an API key (wdl_usr_…), not ${what}`);
  expect(asPerson(fixture.admin)).toBe(fixture.admin);
});
