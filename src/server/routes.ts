import type { Control } from "../control/core/control.ts";
import { IssuerKeys } from "../control/people/issuer-keys.ts";
import type { Liveness } from "../control/sessions/liveness.ts";
import { ExternalScaler } from "../gen/externalscaler/externalscaler_pb.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { AgentGatewayService } from "../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobArtifactService } from "../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { RunService } from "../gen/windlass/v1/run_service_pb.ts";
import { CallRates } from "../http/callers/call-rates.ts";
import type { CallerOptions } from "../http/callers/callers.ts";
import { OpenStreams } from "../http/open-streams.ts";
import type { Readiness } from "../http/readiness.ts";
import type { StreamTenant, Tenant } from "../http/tenant.ts";
import { hashToken, mintToken } from "../lib/words/tokens.ts";
import { neverCompress, rpcTenant } from "../rpc/adapter.ts";
import type { Routes } from "../rpc/calls/options.ts";
import { grpcTenant } from "../rpc/grpc/tenant.ts";
import { inProcessTransport } from "../rpc/in-process.ts";
import { gateFor, interceptorsFor, refusalsFor } from "../rpc/interceptors.ts";
import { managementServices, serviceRoutes } from "../rpc/routes.ts";
import { agentGatewayService } from "../rpc/services/agent-gateway.ts";
import { externalScalerService } from "../rpc/services/external-scaler.ts";
import { healthRoutes } from "../rpc/services/health.ts";
import { jobArtifactService } from "../rpc/services/job-artifact.ts";
import { reflectionRoutes } from "../rpc/services/reflection.ts";
import { runService } from "../rpc/services/run.ts";
import { tfeTenant } from "../tfe/tenant.ts";
import type { WebFiles } from "../web/files.ts";
import { webTenant } from "../web/tenant.ts";
import type { Observability } from "./observability/observe.ts";
import type { Opening } from "./opening.ts";
import type { InProcessCalls } from "./server-agent.ts";

const services = [...managementServices, RunService, AgentGatewayService, JobArtifactService, ExternalScaler];
/** What reflection lists: it adds itself. */
const shown = [...services, Health];

export interface RouteParts {
  readonly control: Control;
  readonly liveness: Liveness;
  /** Random id of the database's history. */
  readonly generation: string;
  readonly readiness: Readiness;
  readonly hasReflection: boolean;
  /** How callers are told apart whose credential is no header. */
  readonly callers?: CallerOptions | undefined;
}

export interface CallParts extends Omit<RouteParts, "hasReflection" | "callers"> {
  readonly watching: Observability;
  /** The built UI, if there is one. */
  readonly webFiles: WebFiles | undefined;
}

/** How the services are reached. */
export interface Calls {
  /** Over the port. */
  readonly tenants: readonly Tenant[];
  /** The streams of HTTP/2 that speak gRPC. */
  readonly streams: StreamTenant;
  /** In this process, for the server's own agent, until the signal is aborted. */
  readonly inProcess: (shutdownSignal: AbortSignal) => InProcessCalls;
}

/** Everything that is called: services, who may call them, and how they are watched. */
export function callsOf({ settings, random }: Pick<Opening, "settings" | "random">, parts: CallParts): Calls {
  const { control, watching, webFiles } = parts;
  const token = mintToken("agt", random);
  const issuers = new IssuerKeys(control.clock);
  const callers = { serverAgentTokenHash: hashToken(token), rates: new CallRates(control.limits), issuers };
  const routes = routesOf({ ...parts, callers, hasReflection: !settings.noReflection });
  const interceptors = interceptorsFor(control, callers, watching.callObservers);
  const gate = gateFor(control, callers, watching.callObservers);
  const refuse = refusalsFor(control, watching.callObservers);
  const open = new OpenStreams();
  return {
    streams: grpcTenant({ routes, interceptors, gate, refuse, open }),
    tenants: [
      rpcTenant({ routes, interceptors, gate, refuse, open }),
      tfeTenant({
        ...{ control, callers, observers: watching.callObservers },
        ...{ holdMs: settings.tfeHold, publicUrl: settings.publicUrl },
      }),
      ...(control.web === undefined
        ? []
        : [webTenant({ control, callers, files: webFiles, observers: watching.callObservers })]),
    ],
    inProcess: (shutdownSignal) => ({ transport: inProcessTransport({ routes, interceptors, shutdownSignal }), token }),
  };
}

/** Every service of the port. */
export function routesOf(parts: RouteParts): Routes {
  const { control, liveness, generation, readiness, hasReflection, callers = {} } = parts;
  const routes = serviceRoutes(control, (router) => {
    router
      .service(RunService, runService(control))
      .service(AgentGatewayService, agentGatewayService(control, liveness, generation), neverCompress)
      .service(JobArtifactService, jobArtifactService(control), neverCompress)
      .service(ExternalScaler, externalScalerService(control, callers));
    healthRoutes(readiness, services, control.clock)(router);
  });
  if (!hasReflection) return routes;
  return (router) => {
    routes(router);
    reflectionRoutes(shown)(router);
  };
}
