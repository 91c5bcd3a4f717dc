import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { testEngines } from "../../../test/engines.ts";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { agentRow, runRow, stateRow } from "../../../test/support/rows.ts";
import { configuration, pool, workspace } from "../../../test/support/store/rows.ts";
import type { Person } from "../../domain/people/principal.ts";
import { systemRandom } from "../../lib/random.ts";
import { newId } from "../../lib/words/ids.ts";
import { listAgents } from "../agents/list.ts";
import type { Page } from "../core/pages.ts";
import { exportAuditEvents, listAuditEvents } from "../people/audit-log.ts";
import { listStates } from "../states/states.ts";
import { listWorkspaces } from "../workspaces/workspaces.ts";
import { listRuns } from "./list.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** More than two looks take in. */
const count = 4_500;
/** Which of them are wanted: at both ends, and one look after another. */
const wanted = [0, 1_999, 2_000, 2_001, 4_000, count - 1];
const nameOf = (n: number) => `${wanted.includes(n) ? "wanted" : "row"}-${String(n).padStart(5, "0")}`;
/** In the order of names the wanted ones would lie together. */
const sortedNameOf = (n: number) => `${String(n).padStart(5, "0")}-${wanted.includes(n) ? "wanted" : "row"}`;

interface Looking {
  readonly test: TestControl;
  readonly person: Person;
  readonly page: { readonly size: number; readonly token: string };
}
const none = { organization: "", pool: "" };

const lists: Readonly<Record<string, (looking: Looking) => Promise<Pick<Page<string>, "rows" | "nextToken">>>> = {
  ListWorkspaces: async ({ test: { control }, person, page }) => {
    const { rows, nextToken } = await listWorkspaces(control, person, { ...none, search: "WANTED", page });
    return { rows: rows.map(({ workspace: { name } }) => name), nextToken };
  },
  "ListWorkspaces of tags": async ({ test: { control }, person, page }) => {
    const { rows, nextToken } = await listWorkspaces(control, person, { ...none, tags: ["wanted"], page });
    return { rows: rows.map(({ workspace: { name } }) => name), nextToken };
  },
  ListAgents: async ({ test: { control }, person, page }) => {
    const filter = { ...none, statuses: [], includesExited: false, selector: "", search: "wanted" };
    const { rows, nextToken } = await listAgents(control, person, { ...filter, page });
    return { rows: rows.map(({ agent: { name } }) => name), nextToken };
  },
  "ListAgents of labels": async ({ test: { control }, person, page }) => {
    const filter = { ...none, statuses: [], includesExited: false, selector: "wanted=yes", search: "" };
    const { rows, nextToken } = await listAgents(control, person, { ...filter, page });
    return { rows: rows.map(({ agent: { name } }) => name), nextToken };
  },
  ListRuns: async ({ test: { control }, person, page }) => {
    const filter = { organization: "", workspace: "", statuses: null, search: "wanted" };
    const { rows, nextToken } = await listRuns(control, person, { filter, page });
    return { rows: rows.map(({ run: { message } }) => message), nextToken };
  },
  ListStateVersions: async ({ test: { control }, person, page }) => {
    const ofWorkspace = { organization: "", name: sortedNameOf(0) };
    const { rows, nextToken } = await listStates(control, person, {
      workspace: ofWorkspace,
      isQuarantined: true,
      page,
    });
    return { rows: rows.map(({ state: { serial } }) => nameOf(serial)), nextToken };
  },
  ListAuditEvents: async ({ test: { control }, person, page }) => {
    const { rows, nextToken } = await listAuditEvents(control, person, { query, page });
    return { rows: rows.map(({ event }) => event.actor), nextToken };
  },
  ExportAuditEvents: async ({ test: { control }, person }) => {
    const rows: string[] = [];
    for await (const { event } of exportAuditEvents(control, person, query)) rows.push(event.actor);
    return { rows, nextToken: "" };
  },
};
const query = { organization: "", action: "", actor: "wanted", resource: "", since: null, until: null };

describe.each(testEngines)("a search through many rows of $name", ({ urls }) => {
  const held = new AsyncDisposableStack();
  let opened: TestControl;
  beforeAll(async () => {
    const { rows } = await urls(held);
    opened = held.use(await openTestControl({ rows }));
    await fill(opened);
  });
  afterAll(() => held.disposeAsync());

  test.each(Object.keys(lists))("finds every row once, and lets others have their turn: %s", async (name) => {
    const look = lists[name];
    if (look === undefined) throw new Error(name);
    const person = opened.as("owner");
    let turns = 0;
    let isLooking = true;
    const turning = (async () => {
      for (; isLooking; turns++) await new Promise((resolve) => setImmediate(resolve));
    })();
    const whole = await look({ test: opened, person, page: { size: 50, token: "" } });
    isLooking = false;
    await turning;
    expect(turns).toBeGreaterThan(1);
    expect([numbersIn(whole.rows), whole.nextToken]).toEqual([wanted, ""]);
    const found: string[] = [];
    for (let token = ""; name !== "ExportAuditEvents"; ) {
      const page = await look({ test: opened, person, page: { size: 4, token } });
      expect(page.rows.length).toBeLessThanOrEqual(4);
      found.push(...page.rows);
      token = page.nextToken;
      if (token === "") break;
    }
    expect(numbersIn(found)).toEqual(name === "ExportAuditEvents" ? [] : wanted);
  });
});

const numbersIn = (names: readonly string[]): readonly number[] =>
  names.map((text) => Number(/\d{5}/.exec(text)?.[0])).toSorted((a, b) => a - b);

async function fill({ control, clock, organization }: TestControl): Promise<void> {
  const organizationId = organization.id;
  const its = pool({ organizationId });
  const numbers = Array.from({ length: count }, (_, n) => n);
  const first = workspace({ id: newId("ws", systemRandom), organizationId, poolId: null, name: sortedNameOf(0) });
  const from = clock.now().getTime() - count * 1_000;
  await control.store.write(async (tx) => {
    await tx.pools.insert(its);
    const sent = configuration({ id: newId("cv", systemRandom), organizationId, workspaceId: first.id });
    for (const n of numbers) {
      const isWanted = wanted.includes(n);
      const id = n === 0 ? first.id : newId("ws", systemRandom);
      const tags = isWanted ? ["wanted"] : [];
      await tx.workspaces.insert({ ...first, id, name: sortedNameOf(n), tags });
      if (n === 0) await tx.configurations.insert(sent);
      const createdAt = new Date(from + n * 1_000);
      const status = isWanted ? "quarantined" : "superseded";
      const times = { createdAt, statusAt: createdAt };
      await tx.runs.insert(
        runRow(first, { configurationId: sent.id, message: nameOf(n), status: "applied", ...times }),
      );
      await tx.states.insert(stateRow(first, { serial: n, createdAt, status }));
      const labels: Readonly<Record<string, string>> = isWanted ? { wanted: "yes" } : {};
      await tx.agents.insert(agentRow(its, { name: sortedNameOf(n), labels }));
      await tx.audit.insert({
        ...{ at: createdAt, organizationId, actor: nameOf(n), action: "a", resource: "r", detail: {}, address: "" },
      });
    }
  });
}
