import { glob } from "node:fs/promises";
import { join } from "node:path";
import { JobOutcome, type JobPhase } from "../../../src/gen/windlass/agent/v1/job_pb.ts";
import { tarGz } from "../../support/tar.ts";
import { demand } from "../demand.ts";
import { lineage } from "../engine.ts";
import type { OfferedJob } from "../offered-job.ts";
import type { Scenario } from "../scenario.ts";
import { firstSerial, type Stage } from "../stage.ts";
import { callOf, declinesOf, demandLines, forgotten, outcomeName, resultsOf } from "./look.ts";

const secret = "Wy7-never-to-be-seen-93kd";

/** What an agent does with a job that goes its way, well or badly. */
export const phaseScenarios: readonly Scenario[] = [
  {
    name: "plan.upload",
    level: "must",
    demands: "It prepares a plan, asks, runs terraform once, uploads the plan, and then reports it.",
    play: plan,
  },
  {
    name: "plan.upload/no-changes",
    level: "must",
    demands: "A plan without changes is reported as FINISHED, with has_changes false.",
    play: async (stage) => {
      const job = await stage.offered({ changes: false });
      const { outcome, hasChanges } = await stage.sealed(job);
      demand(outcome === JobOutcome.FINISHED, `the outcome is ${outcomeName(outcome)}`);
      demand(!hasChanges, "has_changes is true");
      return "FINISHED, no changes";
    },
  },
  {
    name: "result.order/failed-plan",
    level: "must",
    demands: "A terraform that fails makes an ERRORED result with its exit code, a sentence, and the whole log.",
    play: async (stage) => {
      const job = await stage.offered({ exitCode: 1, lines: 20, padding: "x".repeat(9_000) });
      const { outcome, exitCode, errorMessage } = await stage.sealed(job);
      demand(outcome === JobOutcome.ERRORED, `the outcome is ${outcomeName(outcome)}`);
      demand(
        exitCode === 1 && errorMessage !== "",
        `exit_code ${exitCode}, error_message ${JSON.stringify(errorMessage)}`,
      );
      demandLines(job, 20);
      return `ERRORED: ${errorMessage.slice(0, 60)}`;
    },
  },
  {
    name: "result.state",
    level: "must",
    demands: "It applies the plan that it downloads, uploads the last state, and then reports it.",
    play: apply,
  },
  {
    name: "result.state/failed-apply",
    level: "must",
    demands: "The state of an apply that fails is uploaded, too, before its result.",
    play: async (stage) => {
      const job = await stage.offered({ isApply: true, exitCode: 1 });
      const { outcome } = await stage.sealed(job);
      demand(outcome === JobOutcome.ERRORED, `the outcome is ${outcomeName(outcome)}`);
      demandLastState(stage, job);
      return `ERRORED, state ${job.states.at(-1)?.header.serial} uploaded before`;
    },
  },
  {
    name: "variables.form",
    level: "must",
    demands: "Variables reach terraform: some as its own, some in its environment. The agent's token does not.",
    play: async (stage) => {
      const word = { key: "CONFORMANCE_WORD", value: "a-word", environment: true };
      const job = await stage.offered({ variables: [{ key: "greeting", value: "a-greeting" }, word] });
      await stage.sealed(job);
      const notes = await stage.engine.notes(job.id);
      demand(notes.includes("terraform-variable"), "no variable file, -var or TF_VAR_… had the variable's value");
      demand(notes.includes("environment-variable"), "the environment variable was not set");
      demand(!notes.includes("agent-token"), "terraform has the agent token in its environment");
      return "a terraform variable and an environment variable";
    },
  },
  {
    name: "variables.form/hidden",
    level: "must",
    demands: "A sensitive value that terraform prints is not in the log.",
    play: async (stage) => {
      const variable = { key: "CONFORMANCE_SECRET", value: secret, environment: true, sensitive: true };
      const job = await stage.offered({ variables: [variable] });
      await stage.sealed(job);
      demand(job.logText.includes("the secret is "), "the line that would show it is not in the log");
      demand(!job.logText.includes(secret), "the log shows the value");
      return job.logText.split("\n").find((line) => line.startsWith("the secret is ")) ?? "";
    },
  },
  {
    name: "prepare.failed/checksum",
    level: "must",
    demands: "A configuration whose SHA-256 is another one is not executed: an ERRORED result, or a decline.",
    play: async (stage) => {
      const job = await stage.job();
      const configuration = job.spec.configuration;
      demand(configuration !== undefined, "a job has a configuration");
      configuration.sha256 = "0".repeat(64);
      return refusedBeforehand(stage, job);
    },
  },
  {
    name: "prepare.failed/phase",
    level: "must",
    demands: "A phase that it does not know is not executed: an ERRORED result, or a decline.",
    play: async (stage) => refusedBeforehand(stage, await stage.job({ spec: { phase: 9 as JobPhase } })),
  },
  {
    name: "archive.form",
    level: "must",
    demands: "Nothing that an archive holds is written outside of the job's own directory.",
    play: staysInside,
  },
];

async function plan(stage: Stage): Promise<string> {
  const job = await stage.offered({ lines: 5 });
  const { outcome, hasChanges, planSha256 } = await stage.sealed(job);
  await stage.demandOnce(job);
  demand(outcome === JobOutcome.FINISHED, `the outcome is ${outcomeName(outcome)}`);
  demand(hasChanges, "has_changes is false");
  demandLines(job, 5);
  const [uploaded] = job.plans;
  const result = resultsOf(stage, job)[0];
  demand(uploaded !== undefined, "the plan was not uploaded");
  demand((callOf(stage, job, "UploadPlan")?.order ?? 0) < (result?.order ?? 0), "the result came before the plan");
  demand(uploaded.bytes.toString() === `a plan of ${job.id}\n`, "the uploaded plan is not terraform's");
  demand(uploaded.header.planSha256 === planSha256, "plan_sha256 of the result is not that of the upload");
  await forgotten(stage, job);
  const before = resultsOf(stage, job).length;
  await stage.stays("an acknowledged result came again", 1_000, () => resultsOf(stage, job).length > before);
  return `FINISHED, a log of ${job.log.length} bytes, a plan of ${uploaded.bytes.length} bytes`;
}

/** The state that terraform wrote last has come, said that it is the last, and came before the result. */
function demandLastState(stage: Stage, job: OfferedJob): void {
  const last = job.states.at(-1);
  demand(last !== undefined, "no state was uploaded");
  const { serial, isLast } = last.header;
  demand(serial === BigInt(firstSerial + 1), `the last state has serial ${serial}: expected ${firstSerial + 1}`);
  demand(last.header.lineage === lineage, `the last state has lineage ${last.header.lineage}: expected ${lineage}`);
  demand(isLast, "is_last is false");
  const [result] = resultsOf(stage, job);
  demand((callOf(stage, job, "UploadState")?.order ?? 0) < (result?.order ?? 0), "the result came before the state");
}

async function apply(stage: Stage): Promise<string> {
  const job = await stage.offered({ isApply: true, lines: 5 });
  const { outcome, stateSerial } = await stage.sealed(job);
  await stage.demandOnce(job);
  demand(outcome === JobOutcome.FINISHED, `the outcome is ${outcomeName(outcome)}: ${job.result?.errorMessage}`);
  const notes = await stage.engine.notes(job.id);
  demand(notes.includes(`applied a plan of ${job.id}`), "terraform was given another plan file");
  demand(notes.includes(`prior ${firstSerial}`), "terraform did not find the state that the workspace has");
  demandLastState(stage, job);
  demand(stateSerial === BigInt(firstSerial + 1), `state_serial of the result is ${stateSerial}`);
  demandLines(job, 5);
  return `FINISHED, ${job.states.length} states, the last with serial ${stateSerial}`;
}

/** The agent turns the job down or reports that it failed, and has not executed anything. */
async function refusedBeforehand(stage: Stage, job: OfferedJob): Promise<string> {
  stage.start();
  await stage.connected();
  stage.plane.offer(job);
  const answer = await stage.until("a decline, or a result", () => declinesOf(stage, job)[0] ?? job.result);
  demand((await stage.engine.executions(job.id)).length === 0, "terraform was executed");
  if ("order" in answer) return `declined: ${answer.value.reason}`;
  demand(answer.outcome === JobOutcome.ERRORED, `the outcome is ${outcomeName(answer.outcome)}`);
  return `ERRORED: ${answer.errorMessage}`;
}

async function staysInside(stage: Stage): Promise<string> {
  const outside = join(stage.dir, "agent", "escaped");
  const job = await stage.offered({
    archive: (files) =>
      tarGz([
        ...Object.entries(files).map(([path, content]) => ({ path, content })),
        { path: "../escaped", content: "by a name with dots" },
        { path: outside, content: "by an absolute name" },
        { path: "way-out", type: "SymbolicLink", target: stage.dir },
        { path: "way-out/escaped", content: "by a link" },
      ]),
  });
  await stage.until("a decline, or a result", () => declinesOf(stage, job)[0] ?? job.result);
  const found = await Array.fromAsync(glob("**/escaped", { cwd: stage.dir }));
  const kept = await Array.fromAsync(glob("**/conformance.env", { cwd: stage.dir }));
  const roots = kept.map((path) => path.slice(0, -"conformance.env".length));
  const bad = found.filter((path) => !roots.some((root) => root !== "" && path.startsWith(root)));
  demand(bad.length === 0, `it wrote ${bad.join(", ")}`);
  return job.result === undefined ? "declined" : `${outcomeName(job.result.outcome)}, nothing written outside`;
}
