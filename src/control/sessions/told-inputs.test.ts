import { expect, test } from "vitest";
import { sha256 } from "../../../test/support/control.ts";
import { useSessionStage } from "../../../test/support/session-stage.ts";
import { ref } from "../../../test/support/wanted.ts";
import { systemRandom } from "../../lib/random.ts";
import { dispatchOnce } from "../jobs/dispatcher.ts";
import { cancelRun } from "../runs/decisions.ts";
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

const stateOf = (text: string) => Buffer.from(JSON.stringify({ version: 4, serial: 1, lineage: "l", outputs: { text } }));

const push = (bytes: Buffer) =>
  pushState(stage.fixture.control, stage.fixture.as("operator"), {
    workspace: ref("net"),
    bytes,
    sha256: sha256(bytes),
    isForced: false,
  });

test("an offer brings a small state, and leaves a large one to be downloaded", async () => {
  const [small, large] = [stateOf("a"), stateOf("a".repeat(40_000))];
  await push(small);
  const agent = await connect();
  await newRun();
  await dispatchOnce(stage.fixture.control);
  const first = await agent.next("offer");
  expect(Buffer.from(first.state)).toEqual(small);
  expect(first.job?.state).toMatchObject({ sha256: sha256(small), sizeBytes: BigInt(small.length) });
  const runId = first.job?.runId ?? "";
  await cancelRun(stage.fixture.control, stage.fixture.as("operator"), { id: runId, comment: "", mode: "cancel" });
  await push(Buffer.from(large.toString().replace('"serial":1', '"serial":2')));
  await newRun();
  await dispatchOnce(stage.fixture.control);
  const second = await agent.next("offer");
  expect(second.job?.runId).not.toBe(runId);
  expect(second.state).toHaveLength(0);
  expect(Number(second.job?.state?.sizeBytes)).toBe(large.length);
});
