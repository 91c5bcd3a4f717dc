/** Two control planes on one PostgreSQL database between which every notice is lost: whoever waits at one looks again by itself. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { cancelRun } from "../src/control/runs/decisions.ts";
import { createRun, watchRun } from "../src/control/runs/runs.ts";
import { systemRandom } from "../src/lib/random.ts";
import { newId, type RunId } from "../src/lib/words/ids.ts";
import type { TfeCall } from "../src/tfe/core/call.ts";
import { Holds } from "../src/tfe/core/holds.ts";
import { toTfeId } from "../src/tfe/core/ids.ts";
import { runRoutes } from "../src/tfe/services/runs.ts";
import { createTestDatabase, hasPostgres } from "./postgres.ts";
import { openTestControl, type TestControl } from "./support/control.ts";
import { plainOptions } from "./support/rows.ts";
import { configuration, workspace } from "./support/store/rows.ts";
import { until } from "./support/until.ts";

/** The floor under every wait. */
const floorMs = 2_000;

describe.skipIf(!hasPostgres)("what was done at a server whose notices are lost", () => {
  let held: AsyncDisposableStack;
  let here: TestControl;
  let there: TestControl;
  let id: RunId;

  beforeEach(async () => {
    held = new AsyncDisposableStack();
    const { url } = held.use(await createTestDatabase());
    here = held.use(await openTestControl({ rows: url }));
    there = held.use(await openTestControl({ rows: url }));
    const own = { organizationId: there.organization.id };
    const row = { ...workspace({ ...own, name: "net" }), id: newId("ws", systemRandom), poolId: null };
    await there.control.store.write(async (tx) => {
      await tx.workspaces.insert(row);
      await tx.configurations.insert(configuration({ ...own, id: newId("cv", systemRandom), workspaceId: row.id }));
    });
    const wish = { workspace: { organization: "", name: "net" }, configurationId: "", message: "", requestId: "" };
    const options = { ...plainOptions, isAutoApply: undefined };
    id = (await createRun(there.control, there.as("owner"), { ...wish, options })).run.id;
  });
  afterEach(() => held.disposeAsync());

  /** What was done there is seen here once the floor is over, and not before. */
  async function seenAtTheFloor<T>(waiting: Promise<T>): Promise<T> {
    let isSeen = false;
    const seen = waiting.finally(() => {
      isSeen = true;
    });
    await until("it waits", () => here.clock.sleeping > 0);
    await cancelRun(there.control, there.as("owner"), { id, isForced: false, comment: "" });
    await here.clock.advance(floorMs - 1);
    expect(isSeen).toBe(false);
    await here.clock.advance(1);
    return seen;
  }

  test("is seen by who watches the run", async () => {
    const watching = watchRun(here.control, here.as("reader"), { id, signal: new AbortController().signal });
    expect((await watching.next()).value?.run.status).toBe("plan_queued");
    expect((await seenAtTheFloor(watching.next())).value?.run.status).toBe("canceled");
  });

  test("is seen by a long poll of the TFE API", async () => {
    const read = runRoutes.find(({ pattern }) => pattern === "GET /runs/:run");
    const request = { headers: { prefer: "wait=20" } };
    const call = {
      ...{ control: here.control, who: here.as("reader"), holds: new Holds(20_000), isTerraform: false },
      ...{ request, params: { run: toTfeId(id) }, query: new URLSearchParams(), origin: "http://here" },
      signal: new AbortController().signal,
    } as unknown as TfeCall;
    if (read?.admission !== "person") throw new Error("the route is for people");
    const statusIn = (answer: unknown) => JSON.stringify(answer).match(/"status":"([a-z_]+)"/)?.[1];
    expect(statusIn(await read.answer(call))).toBe("plan_queued");
    expect(statusIn(await seenAtTheFloor(read.answer(call)))).toBe("canceled");
  });
});
