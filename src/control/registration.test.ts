import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../test/support/control.ts";
import { introduction } from "../../test/support/fake-agent.ts";
import type { Principal } from "../domain/principal.ts";
import { pool, token } from "../store/fixture-rows.ts";
import { registerAgent } from "./registration.ts";

let fixture: TestControl;
let who: Principal;
beforeEach(async () => {
  fixture = await openTestControl();
  const { control, organization } = fixture;
  const own = { organizationId: organization.id };
  await control.store.write(async (tx) => {
    await tx.organizations.save({ ...organization, maxAgents: 1 });
    await tx.pools.insert(pool(own));
    await tx.tokens.insert(token(own));
  });
  who = { kind: "agent_token", id: "atok_1", poolId: "apool_1", organizationId: organization.id };
});
afterEach(() => fixture[Symbol.asyncDispose]());

test("an organization's limit on agents holds for new ones, and not for one that comes back", async () => {
  const { control } = fixture;
  const said = introduction();
  const { agent } = await registerAgent(control, who, said);
  expect((await registerAgent(control, who, said)).agent.id).toBe(agent.id);
  await expect(registerAgent(control, who, introduction({ name: "vm-2" }))).rejects.toMatchObject({
    ...{ code: "agent_limit_reached", metadata: { limit: "1" }, retryAfterMs: 60_000 },
  });
});

test("the use of the agent token is written down with the agent's address", async () => {
  const { control, clock } = fixture;
  await clock.advance(365 * 86_400_000);
  await registerAgent(control, who, introduction({ address: "10.9.8.7" }));
  const used = await control.store.read((q) => q.tokens.get("atok_1"));
  expect(used).toMatchObject({ lastUsedAt: clock.now(), lastUsedAddress: "10.9.8.7" });
});
