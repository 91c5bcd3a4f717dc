import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { FakeAgent, introduction } from "../../../test/support/fake-agent.ts";
import { useSessionStage } from "../../../test/support/session-stage.ts";
import { until } from "../../../test/support/until.ts";
import { ref } from "../../../test/support/wanted.ts";
import type { Principal } from "../../domain/people/principal.ts";
import type { Job } from "../../domain/runs/job.ts";
import { type SessionRequest, SessionRequestSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { DesiredState, JobOutcome } from "../../gen/windlass/agent/v1/job_pb.ts";
import { OutQueue } from "../../lib/async/queue.ts";
import { heardFrom } from "../../rpc/streams/session-hearing.ts";
import { drainAgent, pauseAgent, resumeAgent } from "../agents/agents.ts";
import { revokeAgentToken } from "../agents/tokens.ts";
import { dispatchOnce } from "../jobs/dispatcher.ts";
import { jobSpecOf } from "../jobs/spec.ts";
import { cancelRun } from "../runs/decisions.ts";
import { sweepOnce } from "../runs/sweeper.ts";
import { Liveness } from "./liveness.ts";
import { registerAgent } from "./registration.ts";
import { serveSession } from "./stream.ts";

const stage = useSessionStage();
const { planSha256, connect, keep, newRun, jobOf, runOf, offered, storePlan, applying } = stage;

describe("streams", () => {
  test("a newer stream of the same process takes over, and its jobs go on", async () => {
    const agent = await connect();
    const job = await offered(agent, await newRun());
    await agent.start(job);
    const again = await connect({ said: agent.said, held: [job] });
    expect(await agent.next("close")).toMatchObject({ reason: 1 });
    await until("the old stream ends", () => agent.isOver);
    expect(await again.log(job, 0, "abc")).toMatchObject({ nextOffset: 3n });
    expect(stage.fixture.control.presence.get(agent.registration.agent.id)?.sessionEpoch).toBe(2);
  });

  test("when an agent came, went and why is remembered, the last first", async () => {
    const { presence } = stage.fixture.control;
    const agent = await connect();
    const { id } = agent.registration.agent;
    const again = await connect({ said: agent.said });
    await until("the old stream ends", () => agent.isOver);
    await again.cut();
    await until("it is known that it went", () => presence.comingsOf(id)[0]?.kind === "disconnected");
    const shown = presence.comingsOf(id).map(({ kind, detail }) => `${kind} ${detail}`.trim());
    expect(shown.toSorted()).toEqual([
      ...["connected", "connected", "disconnected", "disconnected a newer stream of this agent is there"],
    ]);
    for (let n = 0; n < 60; n++)
      presence.noteComing(id, { at: new Date(n), kind: "connected", address: "", version: "", detail: "" });
    expect(presence.comingsOf(id)).toHaveLength(50);
    expect(presence.comingsOf(id)[0]?.at).toEqual(new Date(59));
  });

  test("a second process with the same disk is refused while the first one is alive, and let in when it is silent", async () => {
    const agent = await connect();
    const clone = introduction({ incarnation: agent.said.incarnation, address: "10.9.9.9" });
    await expect(connect({ said: clone })).rejects.toMatchObject({
      code: "already_connected",
      retryAfterMs: expect.any(Number),
    });
    const warned = async () =>
      (await stage.fixture.control.store.read((q) => q.agents.get(agent.registration.agent.id)))?.warning;
    await until("operators are told", async () => (await warned())?.includes("10.9.9.9"));
    await stage.fixture.clock.advance(16_000);
    const newcomer = await connect({ said: clone });
    expect(newcomer.registration.agent.id).toBe(agent.registration.agent.id);
  });

  test("an offer that never arrived goes back to the queue with the next hello", async () => {
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.cut();
    await connect({ said: agent.said });
    expect(await jobOf(runId)).toMatchObject({ status: "queued", epoch: job.epoch });
  });

  test("a claim that is over is told so in the welcome, and cannot write", async () => {
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.start(job);
    await agent.cut();
    await stage.fixture.clock.advance(stage.fixture.control.timing.leases.planMs + 1);
    await sweepOnce(stage.fixture.control);
    const other = await connect({ said: introduction({ name: "vm-2" }) });
    const retried = await offered(other, runId);
    expect(retried).toMatchObject({ epoch: job.epoch + 1, agentName: "vm-2" });
    const late = await FakeAgent.connect(stage.fixture.control, stage.token, { said: agent.said, held: [job] });
    keep(late);
    expect(await late.start(job)).toMatchObject({ granted: false });
    expect(await late.log(job, 0, "late")).toMatchObject({ closed: true });
    expect(await other.start(retried)).toMatchObject({ granted: true });
  });

  test("a stream that is cut while it is welcomed leaves nobody behind", async () => {
    const { control } = stage.fixture;
    const said = introduction();
    const { agent } = await registerAgent(control, stage.token, said);
    const liveness = new Liveness();
    const incoming = new OutQueue<SessionRequest>({ maxItems: 10, maxBytes: 10_000 });
    const hello = { case: "hello", value: { incarnation: said.incarnation, bootId: said.bootId } } as const;
    incoming.push("control", create(SessionRequestSchema, { message: hello }), 1);
    const stream = { incoming: heardFrom(incoming), signal: new AbortController().signal, address: "" };
    const who: Principal = { kind: "agent_session", agentId: agent.id };
    const session = serveSession(control, liveness, { who, stream });
    expect((await session.next()).value?.message.case).toBe("welcome");
    await session.return(undefined);
    await liveness.flush(control);
    expect((await control.store.read((q) => q.agents.get(agent.id)))?.connectedTo).toBe("");
  });

  test("a hello that is not the first message, or no hello, ends the stream", async () => {
    const agent = await connect();
    agent.send({ case: "hello", value: { incarnation: agent.said.incarnation, bootId: agent.said.bootId } });
    expect(await agent.next("close")).toMatchObject({ reason: 3 });
  });
});

describe("what is wanted", () => {
  test("a cancel reaches the agent at once, and every heartbeat repeats it", async () => {
    const { control, as } = stage.fixture;
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.start(job);
    await cancelRun(control, as("operator"), { id: runId, isForced: false, comment: "" });
    expect(await agent.next("jobCommand")).toMatchObject({ desired: DesiredState.CANCEL });
    const claim = { jobId: job.id, epoch: BigInt(job.epoch) };
    agent.send({ case: "heartbeat", value: { jobs: [{ claim, stage: 3 }] } });
    expect((await agent.next("heartbeatReply")).jobs).toMatchObject([{ desired: DesiredState.CANCEL }]);
    expect((await runOf(runId)).status).toBe("planning");
    await agent.report(job, "", { outcome: JobOutcome.CANCELED });
    expect((await runOf(runId)).status).toBe("canceled");
  });

  test("force comes only after a graceful cancel that has had its time", async () => {
    const { control, as } = stage.fixture;
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await agent.start(job);
    const force = () => cancelRun(control, as("operator"), { id: runId, isForced: true, comment: "" });
    await expect(force()).rejects.toMatchObject({ code: "force_too_early" });
    await cancelRun(control, as("operator"), { id: runId, isForced: false, comment: "" });
    await expect(force()).rejects.toMatchObject({ code: "force_too_early" });
    await stage.fixture.clock.advance(30_000);
    await force();
    await agent.next("jobCommand");
    await agent.report(job, "", { outcome: JobOutcome.CANCELED });
    expect((await runOf(runId)).status).toBe("force_canceled");
  });

  test("an apply that was ended by force keeps what was in flight, and runs are warned until one was applied", async () => {
    const { control, as } = stage.fixture;
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await cancelRun(control, as("operator"), { id: runId, isForced: false, comment: "" });
    await stage.fixture.clock.advance(120_000);
    await cancelRun(control, as("operator"), { id: runId, isForced: true, comment: "" });
    const inFlight = [{ address: "postgresql_role.r", action: "create", idKey: "", id: "" }];
    await agent.report(job, "", { outcome: JobOutcome.CANCELED, inFlight, resourcesInFlight: ["postgresql_role.r"] });
    expect(await runOf(runId)).toMatchObject({ status: "force_canceled", resourcesInFlight: inFlight });

    const warning = `the apply of ${runId} was ended by force while postgresql_role.r was being created: it may exist without being in the state`;
    const next = await applying(agent);
    expect((await runOf(next.runId)).warnings).toEqual([warning]);
    const noticesOf = async (job: Job) => (await control.store.read((q) => jobSpecOf(control, q, job))).notices;
    expect(await noticesOf(await jobOf(next.runId))).toEqual([warning]);
    expect(await noticesOf(next.job)).toEqual([]);
    await agent.report(next.job, "", {});
    expect((await runOf(next.runId)).status).toBe("applied");
    expect((await runOf((await applying(agent)).runId)).warnings).toEqual([]);
  });

  test("what a refresh-only run accepts is what its plan has shown", async () => {
    const agent = await connect();
    const runId = await newRun(true, { isRefreshOnly: true });
    const plan = await offered(agent, runId);
    await agent.start(plan);
    await storePlan(runId);
    await agent.report(plan, "", { hasChanges: true, planSha256, counts: { drift: 3 } });
    const job = await offered(agent, runId, "apply");
    await agent.start(job);
    await agent.report(job, "", {});
    expect(await runOf(runId)).toMatchObject({ status: "applied", appliedChanges: { add: 0, drift: 3 } });
    const page = { after: 0, limit: 100 };
    const told = await stage.fixture.control.store.read((q) => q.runEvents.list(runId, page));
    expect(told.map(({ title }) => title)).toEqual(
      expect.arrayContaining([
        "planned: 3 changed outside of terraform; it is applied without being asked about",
        "applied: 3 changed outside of terraform, accepted",
      ]),
    );
  });

  test("what an older agent tells is addresses alone, and counts less", async () => {
    const agent = await connect();
    const { runId, job } = await applying(agent);
    await agent.report(job, "", { outcome: JobOutcome.ERRORED, resourcesInFlight: ["a.b"], counts: { add: 1 } });
    expect(await runOf(runId)).toMatchObject({
      resourcesInFlight: [{ address: "a.b", action: "", idKey: "", id: "" }],
      appliedChanges: { add: 1, forget: 0, drift: 0 },
    });
  });

  test("an offer that is canceled before it starts ends at once", async () => {
    const { control, as } = stage.fixture;
    const agent = await connect();
    const runId = await newRun();
    const job = await offered(agent, runId);
    await cancelRun(control, as("operator"), { id: runId, isForced: false, comment: "" });
    expect((await runOf(runId)).status).toBe("canceled");
    expect(await agent.next("jobCommand")).toMatchObject({ desired: DesiredState.GONE });
    expect(await agent.start(job)).toMatchObject({ granted: false });
  });

  test("a paused agent gets nothing until it is resumed; a draining one is told", async () => {
    const { control, as } = stage.fixture;
    const agent = await connect();
    const { id } = agent.registration.agent;
    await pauseAgent(control, as("operator"), ref(id));
    await until("the pause arrives", () => control.presence.get(id)?.takesJobs === false);
    await newRun();
    expect(await dispatchOnce(control)).toBe(0);
    await resumeAgent(control, as("operator"), ref(id));
    await until("the resume arrives", () => control.presence.get(id)?.takesJobs === true);
    expect(await dispatchOnce(control)).toBe(1);
    await drainAgent(control, as("operator"), ref(id));
    await agent.next("drain");
  });

  test("revoking the token closes idle agents at once; busy ones report first and get nothing new", async () => {
    const { control, as } = stage.fixture;
    const [busy, idle] = [await connect(), await connect({ said: introduction({ name: "vm-2" }) })];
    const runId = await newRun();
    await dispatchOnce(control);
    const job = await jobOf(runId);
    const [holder, other] = job.agentId === busy.registration.agent.id ? [busy, idle] : [idle, busy];
    await holder.start(job);
    await revokeAgentToken(control, as("owner"), { id: stage.token.id, stopsJobs: false });
    expect(await other.next("close")).toMatchObject({ reason: 2 });
    await holder.report(job, "", { outcome: JobOutcome.ERRORED, errorMessage: "no" });
    expect((await runOf(runId)).status).toBe("errored");
    expect(await holder.next("close")).toMatchObject({ reason: 2 });
  });
});
