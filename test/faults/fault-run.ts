import { randomUUID } from "node:crypto";
import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Code, ConnectError } from "@connectrpc/connect";
import { VariableCategory } from "../../src/gen/windlass/v1/variable_pb.ts";
import type { Seeded } from "../support/seeded.ts";
import type { Cluster } from "./cluster.ts";
import { type FakeHabit, type FakePlan, randomFakePlan, secret, writeFakeConfiguration } from "./fake-plan.ts";
import { persistently } from "./persist.ts";

/** What a run executes: the fake terraform, or the real one on a configuration of the fixtures. */
export type Subject =
  | { readonly kind: "fake"; readonly plan: FakePlan }
  | { readonly kind: "slow"; readonly seconds: number; readonly sleepers: number }
  | { readonly kind: "fanout"; readonly resources: number };

/** One run of a schedule, as drawn. */
export interface DrawnRun {
  readonly startMs: number;
  readonly cancelMs: number | undefined;
  readonly subject: Subject;
}

/** A run that was started. */
export interface FaultRun extends DrawnRun {
  readonly workspace: string;
  readonly id: string;
}

/** What the runs of a batch are drawn from. */
export interface SubjectMix {
  /** How many of them the real terraform executes, from 0 to 1. */
  readonly realShare: number;
  /** The habit of every fake terraform; drawn when undefined. */
  readonly habit?: FakeHabit | undefined;
}

export function drawRun(random: Seeded, durationMs: number, mix: SubjectMix): DrawnRun {
  const startMs = random.between(0, Math.floor(durationMs * 0.6));
  const subject = drawSubject(random, mix);
  const mustCancel = subject.kind === "fake" && subject.plan.mode === "hang";
  const isCanceled = mustCancel || random.chance(0.15);
  return { startMs, subject, cancelMs: isCanceled ? startMs + random.between(500, durationMs) : undefined };
}

function drawSubject(random: Seeded, { realShare, habit }: SubjectMix): Subject {
  if (!random.chance(realShare)) return { kind: "fake", plan: randomFakePlan(random, habit) };
  if (random.chance(0.3)) return { kind: "fanout", resources: random.between(5, 60) };
  return { kind: "slow", seconds: random.between(2, 7), sleepers: random.between(1, 2) };
}

/** Makes the workspace of a run, while everything still works. */
export async function prepareRun({ api, pool, directory }: Cluster, { subject }: DrawnRun): Promise<string> {
  const workspace = await api.workspace({ agentPool: pool });
  const configuration = join(directory, `${workspace}-configuration`);
  await mkdir(configuration);
  if (subject.kind === "fake") await writeFakeConfiguration(configuration, subject.plan);
  else
    await cp(fileURLToPath(new URL(`../fixtures/terraform/${subject.kind}`, import.meta.url)), configuration, copying);
  await api.upload(workspace, configuration);
  await api.set(workspace, [{ key: "SECRET", value: secret, sensitive: true, category: VariableCategory.ENV }]);
  return workspace;
}

const copying = { recursive: true } as const;

/** Starts a run at its time, and cancels it at its time, through all faults. */
export async function driveRun({ api }: Cluster, workspace: string, drawn: DrawnRun): Promise<FaultRun> {
  const { startMs, cancelMs, subject } = drawn;
  await pause(startMs);
  const requestId = randomUUID();
  const options = { autoApply: true, variables: variablesOf(subject) };
  const id = await persistently(
    async () => (await api.clients.runs.createRun({ workspace, options, requestId }, quick)).run?.id ?? "",
  );
  if (cancelMs === undefined) return { ...drawn, workspace, id };
  await pause(cancelMs - startMs);
  // Twice, for two cancels must be one interrupt.
  for (const _ of [1, 2]) await cancel(api, id);
  return { ...drawn, workspace, id };
}

const quick = { timeoutMs: 5_000 };

const variablesOf = (subject: Subject) => {
  const number = (key: string, value: number) => ({ key, value: String(value), hcl: true });
  if (subject.kind === "slow") return [number("seconds", subject.seconds), number("workers", subject.sleepers)];
  return subject.kind === "fanout" ? [number("count_of", subject.resources)] : [];
};

/** A run that has ended meanwhile cannot be canceled any more. */
async function cancel({ clients }: Cluster["api"], runId: string): Promise<void> {
  try {
    await persistently(() => clients.runs.cancelRun({ runId }, quick));
  } catch (error) {
    if (ConnectError.from(error).code !== Code.FailedPrecondition) throw error;
  }
}
