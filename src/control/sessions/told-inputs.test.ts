import { expect, test } from "vitest";
import { sha256 } from "../../../test/support/control.ts";
import { useSessionStage } from "../../../test/support/session-stage.ts";
import { ref } from "../../../test/support/wanted.ts";
import { systemRandom } from "../../lib/random.ts";
import { dispatchOnce } from "../jobs/dispatcher.ts";
import { pushState } from "../states/push.ts";
import { setVariables } from "../workspaces/variables.ts";

const stage = useSessionStage();
const { connect, newRun, offered } = stage;

const give = (key: string, value: string) =>
  setVariables(stage.fixture.control, stage.fixture.as("owner"), {
    of: { organization: "acme", workspace: "net", variableSet: "" },
    variables: [{ key, value, category: "terraform", isHcl: false, isSensitive: true, description: "" }],
  });

test("a grant brings the variables; a refusal brings nothing", async () => {
  await give("password", "sesame");
  const agent = await connect();
  const job = await offered(agent, await newRun());
  const { inputs: refused } = await agent.start(job, systemRandom.uuid());
  expect(refused).toBeUndefined();
  const { inputs } = await agent.start(job);
  expect(inputs?.variables?.variables).toMatchObject([{ key: "password", value: "sesame", sensitive: true }]);
  expect(inputs?.providers).toMatchObject({ sources: [], hosts: [], caCertificates: "" });
  expect(inputs?.sharedStates).toEqual([]);
});

test("a grant brings them again when it is asked for again", async () => {
  await give("password", "sesame");
  const agent = await connect();
  const job = await offered(agent, await newRun());
  await agent.start(job);
  expect((await agent.start(job)).inputs?.variables?.variables).toHaveLength(1);
});

test("what is large is left to be asked for", async () => {
  for (const key of ["a", "b", "c"]) await give(key, "x".repeat(30_000));
  const agent = await connect();
  const job = await offered(agent, await newRun());
  const { granted, inputs } = await agent.start(job);
  expect(granted).toBe(true);
  expect(inputs).toBeUndefined();
});

test.each([
  ["brings a small state", 1, true],
  ["leaves a large state to be downloaded", 40_000, false],
])("an offer %s", async (_which, length, isThere) => {
  const outputs = { text: { value: "a".repeat(length), type: "string" } };
  const bytes = Buffer.from(JSON.stringify({ version: 4, serial: 1, lineage: "l", outputs, resources: [] }));
  const { control, as } = stage.fixture;
  await pushState(control, as("operator"), { workspace: ref("net"), bytes, sha256: sha256(bytes), isForced: false });
  const agent = await connect();
  await newRun();
  await dispatchOnce(control);
  const { job, state } = await agent.next("offer");
  expect(Buffer.from(state)).toEqual(isThere ? bytes : Buffer.alloc(0));
  expect(job?.state).toMatchObject({ sha256: sha256(bytes), sizeBytes: BigInt(bytes.length) });
});
