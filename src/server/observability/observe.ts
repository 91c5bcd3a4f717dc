import type { Control } from "../../control/core/control.ts";
import type { Observer } from "../../control/core/observer.ts";
import type { CallObserver } from "../../http/call-observer.ts";
import type { Environment } from "../../lib/environment.ts";
import { version } from "../../lib/program/version.ts";
import type { JobId } from "../../lib/words/ids.ts";
import { createMetrics, type ServerMetrics } from "./metrics.ts";
import { openTracing, type Tracing } from "./tracing.ts";

/** What watches over a windlassd. */
export interface Observability extends AsyncDisposable {
  readonly metrics: ServerMetrics;
  readonly callObservers: readonly CallObserver[];
  /** Hears of jobs; reads their rows by itself. */
  readonly observer: (control: () => Control) => Observer;
}

/** Metrics always, traces if the environment asks for them. */
export async function openObservability(environment: Environment): Promise<Observability> {
  const metrics = createMetrics(version);
  const tracing = await openTracing(environment);
  const pending = new Set<Promise<void>>();
  const observer = (control: () => Control): Observer => {
    const watch = (work: Promise<void>) => {
      const quiet = work.catch((error: unknown) => control().log.debug({ err: error }, "a job could not be observed"));
      pending.add(quiet);
      void quiet.finally(() => pending.delete(quiet));
    };
    return {
      jobStarted: metrics.jobStarted,
      jobEnded: (jobId) => watch(ended(control(), { metrics, tracing, jobId })),
    };
  };
  return {
    metrics,
    callObservers: [metrics.observeCall, ...(tracing === undefined ? [] : [tracing.observeCall])],
    observer,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(pending);
      await tracing?.[Symbol.asyncDispose]();
    },
  };
}

async function ended(
  { store }: Control,
  { metrics, tracing, jobId }: { metrics: ServerMetrics; tracing: Tracing | undefined; jobId: JobId },
): Promise<void> {
  const job = await store.read((q) => q.jobs.get(jobId));
  if (job === undefined) return;
  metrics.jobEnded(job);
  if (tracing === undefined) return;
  const [run, workspace] = await store.read(async (q) => [
    await q.runs.get(job.runId),
    await q.workspaces.get(job.workspaceId),
  ]);
  if (run !== undefined) tracing.jobEnded(job, run, workspace?.name ?? "");
}
