import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { Job, JobPhase } from "../../domain/runs/job.ts";
import type { CallObserver } from "../../http/call-observer.ts";

/** The metrics of windlassd. Names and labels are an interface: they only grow. */
export interface ServerMetrics {
  readonly registry: Registry;
  readonly observeCall: CallObserver;
  readonly jobStarted: (phase: JobPhase, waitedMs: number) => void;
  readonly jobEnded: (job: Pick<Job, "phase" | "status" | "startedAt" | "endedAt" | "logProblem">) => void;
  readonly logBytes: (bytes: number) => void;
  readonly storeSeconds: (kind: "read" | "write" | "step", seconds: number) => void;
  readonly logAppendSeconds: (seconds: number) => void;
}

const quick = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const slow = [0.05, 0.25, 1, 5, 15, 60, 300, 900, 3_600, 14_400];

/** Makes the metrics that are counted as things happen. */
export function createMetrics(version: string): ServerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const build = new Gauge({
    name: "windlass_build_info",
    help: "1, with the version",
    labelNames: ["version"],
    registers,
  });
  build.set({ version }, 1);
  const calls = new Counter({
    name: "windlass_rpc_calls_total",
    help: "Calls that have ended, by method and gRPC code",
    labelNames: ["method", "code"],
    registers,
  });
  const callSeconds = new Histogram({
    name: "windlass_rpc_seconds",
    help: "How long calls took; streams are not in it",
    labelNames: ["method"],
    buckets: quick,
    registers,
  });
  const wait = new Histogram({
    name: "windlass_job_wait_seconds",
    help: "From the moment a job was queued until an agent was allowed to start it",
    labelNames: ["phase"],
    buckets: slow,
    registers,
  });
  const duration = new Histogram({
    name: "windlass_job_seconds",
    help: "From the start of a job to its end, by outcome",
    labelNames: ["phase", "status"],
    buckets: slow,
    registers,
  });
  const logBytes = new Counter({ name: "windlass_log_bytes_total", help: "Log bytes stored", registers });
  const logProblems = new Counter({
    name: "windlass_log_problems_total",
    help: "Logs of ended jobs that are not what their agents reported, by problem: length, sha256, not_sent",
    labelNames: ["problem"],
    registers,
  });
  const append = new Histogram({
    name: "windlass_log_append_seconds",
    help: "How long it took until log bytes were durable",
    buckets: quick,
    registers,
  });
  const store = new Histogram({
    name: "windlass_store_seconds",
    help: "How long transactions took, waiting included",
    labelNames: ["kind"],
    buckets: quick,
    registers,
  });
  return {
    registry,
    observeCall: ({ method, isStream }) => {
      const end = isStream ? undefined : callSeconds.startTimer({ method });
      return (code) => {
        end?.();
        calls.inc({ method, code });
      };
    },
    jobStarted: (phase, waitedMs) => wait.observe({ phase }, Math.max(0, waitedMs) / 1000),
    jobEnded: ({ phase, status, startedAt, endedAt, logProblem }) => {
      if (logProblem !== null) logProblems.inc({ problem: logProblem.kind });
      if (startedAt === null || endedAt === null) return;
      duration.observe({ phase, status }, (endedAt.getTime() - startedAt.getTime()) / 1000);
    },
    logBytes: (bytes) => logBytes.inc(bytes),
    logAppendSeconds: (seconds) => append.observe(seconds),
    storeSeconds: (kind, seconds) => store.observe({ kind }, seconds),
  };
}
