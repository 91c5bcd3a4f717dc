import { demand } from "../demand.ts";
import type { OfferedJob } from "../offered-job.ts";
import type { Scenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";
import { declinesOf, forgotten, names, outcomeName, startsOf } from "./look.ts";

/** When terraform may be started, and that it is started once. */
export const startScenarios: readonly Scenario[] = [
  {
    name: "claim.epoch/denied",
    level: "must",
    demands: "A job whose start is denied is never executed, and is forgotten.",
    play: async (stage) => {
      stage.plane.manners.decide = () => "deny";
      const job = await stage.offered();
      await stage.until("a start request", () => startsOf(stage, job)[0]);
      await staysUnexecuted(stage, job);
      await forgotten(stage, job);
      stage.plane.manners.decide = () => "grant";
      await stage.sealed(await stage.offer());
      return "not executed; the next job was";
    },
  },
  {
    name: "start.repeat",
    level: "must",
    demands: "Without an answer it waits, and asks again on its next stream.",
    play: async (stage) => {
      stage.plane.manners.decide = () => "silence";
      const job = await stage.offered();
      const first = await stage.until("a start request", () => startsOf(stage, job)[0]);
      await staysUnexecuted(stage, job);
      stage.plane.cut();
      const { stream } = await stage.connected(first.order);
      const [hello] = stage.plane.record.heard("hello", stream);
      demand(hello !== undefined && names(hello.value.jobs, job), "the next hello does not name the job");
      stage.plane.manners.decide = () => "grant";
      await stage.sealed(job);
      await stage.demandOnce(job);
      return `asked ${startsOf(stage, job).length} times, executed once`;
    },
  },
  {
    name: "start.journal/twice",
    level: "must",
    demands: "A grant that comes again starts nothing again.",
    play: async (stage) => {
      const job = await stage.holding();
      const { incarnation = "" } = startsOf(stage, job)[0]?.value ?? {};
      const grant = () =>
        stage.plane.send({ case: "startDecision", value: { claim: job.claim, granted: true, incarnation } });
      grant();
      grant();
      await stage.stays("terraform was started again", 1_500, async () => (await count(stage, job)) > 1);
      await stage.engine.open(job.id);
      await stage.sealed(job);
      grant();
      await stage.stays("terraform was started again", 1_500, async () => (await count(stage, job)) > 1);
      return "granted four times, executed once";
    },
  },
  {
    name: "start.repeat/incarnation",
    level: "must",
    demands: "A grant for another incarnation starts nothing.",
    play: async (stage) => {
      stage.plane.manners.decide = () => "silence";
      const job = await stage.offered();
      await stage.until("a start request", () => startsOf(stage, job)[0]);
      const incarnation = "11111111-2222-4333-8444-555555555555";
      stage.plane.send({ case: "startDecision", value: { claim: job.claim, granted: true, incarnation } });
      await staysUnexecuted(stage, job);
      return "not executed";
    },
  },
  {
    name: "generation.changed",
    level: "must",
    demands: "An offer of another cluster_generation is not executed, though it is granted.",
    play: async (stage) => {
      stage.plane.manners.decide = () => "silence";
      const job = await stage.offered();
      const asked = await stage.until("a start request", () => startsOf(stage, job)[0]);
      stage.plane.manners.clusterGeneration = "generation-2";
      stage.plane.manners.endedSessions = stage.plane.record.registrations.length;
      stage.plane.cut();
      const registrations = () => stage.plane.record.registrations.filter(({ order }) => order > asked.order);
      await stage.until("it registers again", () => registrations()[0]);
      await stage.until("it has a stream again", () => stage.plane.record.heard("hello").length > 1);
      stage.plane.manners.decide = () => "grant";
      const { incarnation } = asked.value;
      stage.plane.send({ case: "startDecision", value: { claim: job.claim, granted: true, incarnation } });
      await staysUnexecuted(stage, job);
      return "not executed";
    },
  },
  {
    name: "start.journal",
    level: "must",
    demands: "An agent that is killed while it applies, and started again, names the job and does not start it again.",
    play: killed,
  },
  {
    name: "prepare.decline/busy",
    level: "must",
    demands: "It never executes more jobs at once than it registered; more offers are declined, or wait.",
    play: async (stage) => {
      const running = await stage.holding();
      const other = await stage.offer();
      await stage.stays("two jobs were executed at once", 2_500, async () => (await count(stage, other)) > 0);
      const isDeclined = declinesOf(stage, other).length > 0;
      await stage.engine.open(running.id);
      await stage.sealed(running);
      return isDeclined ? "declined" : "kept waiting";
    },
  },
];

const count = async (stage: Stage, job: OfferedJob) => (await stage.engine.executions(job.id)).length;

const staysUnexecuted = (stage: Stage, job: OfferedJob) =>
  stage.stays("terraform was executed without a grant", 1_500, async () => (await count(stage, job)) > 0);

async function killed(stage: Stage): Promise<string> {
  const agent = stage.start();
  const { order } = await stage.connected();
  const job = await stage.offer({ isApply: true, holdAt: 2 });
  await stage.held(job);
  agent.signal("SIGKILL");
  await agent.ended;
  stage.start();
  const { stream } = await stage.connected(order);
  const [hello] = stage.plane.record.heard("hello", stream);
  const [before, after] = [stage.plane.record.registrations[0], stage.plane.record.registrations.at(-1)];
  demand(hello !== undefined && names(hello.value.jobs, job), "its hello does not name the job");
  demand(before?.request.incarnation === hello.value.incarnation, "it has another incarnation than before");
  demand(
    after === before || after?.request.bootId !== before?.request.bootId,
    "it has the boot_id of the process before",
  );
  await stage.engine.open(job.id);
  const { outcome } = await stage.sealed(job);
  await stage.demandOnce(job);
  const hasWritten = (await stage.engine.notes(job.id)).some((note) => note.startsWith("wrote "));
  demand(!hasWritten || job.states.length > 0, "terraform wrote a state that was not uploaded");
  return `${outcomeName(outcome)}, executed once, ${hasWritten ? "its state uploaded" : "terraform ended with it"}`;
}
