import type { Context, Span, Tracer } from "@opentelemetry/api";
import type { Job } from "../../domain/runs/job.ts";
import type { Run } from "../../domain/runs/run.ts";
import type { CallObserver } from "../../http/call-observer.ts";
import type { Environment } from "../../lib/environment.ts";
import { version } from "../../lib/program/version.ts";

/** Sends spans of calls and of jobs to an OpenTelemetry collector. */
export interface Tracing extends AsyncDisposable {
  readonly observeCall: CallObserver;
  /** One span for the job, one for its wait; both belong to the trace of its run. */
  readonly jobEnded: (job: Job, run: Run, workspace: string) => void;
}

/**
 * Starts tracing if `OTEL_EXPORTER_OTLP_ENDPOINT` (or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) says where to send spans, over
 * OTLP/HTTP; undefined otherwise, and then nothing of OpenTelemetry is loaded. The exporter reads the other
 * `OTEL_EXPORTER_OTLP_…` variables itself.
 */
export async function openTracing(environment: Environment): Promise<Tracing | undefined> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_SERVICE_NAME } = environment;
  if ((OTEL_EXPORTER_OTLP_ENDPOINT ?? OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? "") === "") return undefined;
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/sdk-trace-base"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/resources"),
  ]);
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes({ "service.name": OTEL_SERVICE_NAME ?? "windlassd", "service.version": version }),
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter())],
  });
  const spans = new Spans(api, provider.getTracer("windlass", version));
  return {
    observeCall: spans.observeCall,
    jobEnded: spans.jobEnded,
    [Symbol.asyncDispose]: () => provider.shutdown().catch(() => {}),
  };
}

type Api = typeof import("@opentelemetry/api");

class Spans {
  readonly #api: Api;
  readonly #tracer: Tracer;

  constructor(api: Api, tracer: Tracer) {
    this.#api = api;
    this.#tracer = tracer;
  }

  readonly observeCall: CallObserver = ({ method, header }) => {
    const { SpanKind, SpanStatusCode } = this.#api;
    const [service = "", name = ""] = method.split("/");
    const attributes = { "rpc.system": "connect_rpc", "rpc.service": service, "rpc.method": name };
    const span = this.#tracer.startSpan(
      method,
      { kind: SpanKind.SERVER, attributes },
      this.#parent(header("traceparent")),
    );
    return (code) => {
      span.setAttribute("rpc.connect_rpc.error_code", code);
      if (code === "INTERNAL" || code === "UNKNOWN") span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    };
  };

  readonly jobEnded = (job: Job, run: Run, workspace: string): void => {
    const context = this.#runContext(run);
    const attributes = {
      "windlass.run_id": run.id,
      "windlass.job_id": job.id,
      "windlass.workspace": workspace,
      "windlass.agent": job.agentName ?? "",
    };
    const { startedAt, endedAt } = job;
    if (startedAt === null || endedAt === null) return;
    this.#tracer.startSpan(`wait for ${job.phase}`, { startTime: job.queuedAt, attributes }, context).end(startedAt);
    const span = this.#tracer.startSpan(job.phase, { startTime: startedAt, attributes }, context);
    if (job.status !== "finished") this.#mark(span, job.errorMessage);
    span.end(endedAt);
  };

  #mark(span: Span, message: string): void {
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message });
  }

  /** Every job of a run is in one trace, whichever process tells of it: the run's id gives the trace's. */
  #runContext({ id }: Run): Context {
    const { trace, ROOT_CONTEXT, TraceFlags } = this.#api;
    const hex = Buffer.from(id.slice("run_".length)).toString("hex");
    const spanContext = { traceId: hex.slice(0, 32), spanId: hex.slice(32, 48), traceFlags: TraceFlags.SAMPLED };
    return trace.setSpanContext(ROOT_CONTEXT, { ...spanContext, isRemote: true });
  }

  /** The caller's span, as W3C's traceparent names it. */
  #parent(traceparent: string | null): Context {
    const { trace, ROOT_CONTEXT, TraceFlags } = this.#api;
    const match = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})$/.exec(traceparent ?? "");
    const [, traceId, spanId, flags = "00"] = match ?? [];
    if (traceId === undefined || spanId === undefined) return ROOT_CONTEXT;
    const traceFlags = (Number.parseInt(flags, 16) & 1) === 1 ? TraceFlags.SAMPLED : TraceFlags.NONE;
    return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
  }
}
