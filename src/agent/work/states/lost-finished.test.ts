import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AgentPlace, eventually } from "../../../../test/support/agent/agent-place.ts";
import { FakeJob } from "../../../../test/support/agent/fake-job.ts";
import { makeFakeTofu } from "../../../../test/support/agent/fake-tofu.ts";
import { LostResourceHeld } from "../../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobEngine, JobOutcome } from "../../../gen/windlass/agent/v1/job_pb.ts";
import { hiddenMark } from "../../../lib/words/lost-resources.ts";

let place: AgentPlace;
beforeEach(async () => {
  place = await AgentPlace.make();
  place.start("a", { enginePaths: [(await makeFakeTofu(place.dir)).path] });
  await eventually(() => place.controlPlane.isConnected && place.controlPlane.hellos.length > 0, "connected");
});
afterEach(() => place[Symbol.asyncDispose]());

const secret = "hunter2-hunter2";
const { ABSENT, OTHER, UNKNOWN } = LostResourceHeld;

/** The lines of a change that was begun, and of one that was finished. */
const event = (type: string, addr: string, more: object = {}): string =>
  `${JSON.stringify({
    ...{ "@level": "info", "@message": `${addr}: ${type}`, "@timestamp": "2026-01-01T00:00:00Z", type },
    hook: { resource: { addr, implied_provider: "t" }, action: "create", ...more },
  })}\n`;
const begun = (addr: string): string => event("apply_start", addr);
const made = (addr: string, id: string): string =>
  begun(addr) + event("apply_complete", addr, { id_key: "id", id_value: id });

/** A state with objects `t.NAME` of these ids. */
const stateOf = (ids: Readonly<Record<string, string>>): string =>
  JSON.stringify({
    ...{ version: 4, terraform_version: "1.12.6", serial: 2, lineage: "l", outputs: {} },
    resources: Object.entries(ids).map(([name, id]) => ({
      ...{ mode: "managed", type: "t", name, provider: 'provider["registry.opentofu.org/test/t"]' },
      instances: [{ schema_version: 0, attributes: { id } }],
    })),
  });

interface Killed {
  readonly events: string;
  readonly state?: string;
}

/** An apply that prints these events, has written this state, and is killed. */
async function killed({ events, state }: Killed): Promise<FakeJob> {
  const files = { "main.tf": "", "apply-killed": events, ...(state === undefined ? {} : { "state.json": state }) };
  const configuration = await place.pack(files);
  const spec = { engine: JobEngine.TOFU, planEngineVersion: "1.12.6" };
  const variables = [{ key: "name", value: secret, sensitive: true }];
  const before = { content: Buffer.from('{"version":4,"serial":1,"lineage":"l"}'), lineage: "l", serial: 1 };
  const job = new FakeJob({
    ...{ id: "job_apply", runId: "run_1", configuration, spec, variables },
    ...{ plan: Buffer.from("PK"), state: before },
  });
  place.controlPlane.offer(job);
  await eventually(() => job.result, "its result", 60_000);
  return job;
}

const lostOf = ({ result }: FakeJob) =>
  result?.lost.map(({ address, id, held, hidden }) => ({ address, id, held, hidden }));

describe("what a killed apply had finished", () => {
  test("is compared with its secrets and told without them: an id, a key of an address, one id of two resources", async () => {
    const names = ["kept", "twin", "other"];
    const events = names.map((name) => made(`t.${name}`, secret)).join("");
    const state = stateOf({ kept: secret, other: "somebody else's" });
    const apply = await killed({
      events: `${events}${made(`t.key["${secret}"]`, "i-1")}${made("t.plain", "i-2")}`,
      state,
    });
    expect(apply.result).toMatchObject({ outcome: JobOutcome.ERRORED, lostCount: 4 });
    expect(lostOf(apply)).toEqual([
      { address: "t.twin", id: hiddenMark, held: ABSENT, hidden: true },
      { address: "t.other", id: hiddenMark, held: OTHER, hidden: true },
      { address: `t.key["${hiddenMark}"]`, id: "i-1", held: ABSENT, hidden: true },
      { address: "t.plain", id: "i-2", held: ABSENT, hidden: false },
    ]);
    expect(apply.logText).not.toContain(secret);
    expect(JSON.stringify(place.records)).not.toContain(secret);
  });

  test("is all that its events tell, when they are cut off in the middle of a line", async () => {
    const whole = made("t.a", "i-1") + begun("t.b") + begun("t.c");
    const last = event("apply_complete", "t.b", { id_key: "id", id_value: "i-2" });
    const apply = await killed({ events: whole + last.slice(0, -40), state: stateOf({}) });
    expect(lostOf(apply)).toEqual([{ address: "t.a", id: "i-1", held: ABSENT, hidden: false }]);
    expect(apply.result?.resourcesInFlight).toEqual(["t.b", "t.c"]);
  });

  test("may be in a state that is encrypted: nobody can tell, so all of it is listed", async () => {
    const state = '{"serial":2,"lineage":"l","meta":{},"encrypted_data":"c2VjcmV0","encryption_version":"v0"}';
    const apply = await killed({ events: made("t.a", "i-1") + made("t.b", secret), state });
    expect(lostOf(apply)).toEqual([
      { address: "t.a", id: "i-1", held: UNKNOWN, hidden: false },
      { address: "t.b", id: hiddenMark, held: UNKNOWN, hidden: true },
    ]);
    expect(apply.states.at(-1)?.content.toString()).toBe(state);
  });
});
