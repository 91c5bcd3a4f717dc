import type { Control } from "../control/core/control.ts";
import type { Liveness } from "../control/sessions/liveness.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import { AgentGatewayService } from "../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobArtifactService } from "../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { RunService } from "../gen/windlass/v1/run_service_pb.ts";
import { neverCompress, type Routes } from "../rpc/adapter.ts";
import { managementServices, serviceRoutes } from "../rpc/routes.ts";
import { agentGatewayService } from "../rpc/services/agent-gateway.ts";
import { healthRoutes, type Readiness } from "../rpc/services/health.ts";
import { jobArtifactService } from "../rpc/services/job-artifact.ts";
import { reflectionRoutes } from "../rpc/services/reflection.ts";
import { runService } from "../rpc/services/run.ts";

const services = [...managementServices, RunService, AgentGatewayService, JobArtifactService];
/** What reflection lists: it adds itself. */
const shown = [...services, Health];

/** What callers may send. */
export const requestSchemas = services.flatMap(({ methods }) => methods.map(({ input }) => input));

export interface RouteParts {
  readonly control: Control;
  readonly liveness: Liveness;
  /** Random id of the database's history. */
  readonly generation: string;
  readonly readiness: Readiness;
  readonly hasReflection: boolean;
}

/** Everything that the one port serves. */
export const routesOf = ({ control, liveness, generation, readiness, hasReflection }: RouteParts): Routes => {
  const routes = serviceRoutes(control, (router) => {
    router
      .service(RunService, runService(control))
      .service(AgentGatewayService, agentGatewayService(control, liveness, generation), neverCompress)
      .service(JobArtifactService, jobArtifactService(control), neverCompress);
    healthRoutes(readiness, services, control.clock)(router);
  });
  if (!hasReflection) return routes;
  return (router) => {
    routes(router);
    reflectionRoutes(shown)(router);
  };
};
