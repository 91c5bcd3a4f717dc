import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import type { Readiness } from "../../http/readiness.ts";
import { abortable } from "../../lib/async/abort.ts";
import { type Clock, systemClock } from "../../lib/clock.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { asStatus } from "../bodies/request-bodies.ts";
import { withSigns } from "../streams/signs-of-life.ts";

/** Serves `grpc.health.v1.Health` for the whole server (empty name) and for each of the given services. */
export function healthRoutes(
  readiness: Readiness,
  services: readonly DescService[],
  clock: Clock = systemClock,
): (router: ConnectRouter) => void {
  const known = new Set(["", ...services.map((service) => service.typeName)]);
  const status = () => (readiness.isReady ? Status.SERVING : Status.NOT_SERVING);

  async function* watch(name: string, signal: AbortSignal) {
    for (;;) {
      const changed = readiness.changed();
      yield { status: known.has(name) ? status() : Status.SERVICE_UNKNOWN };
      await abortable(changed, signal);
    }
  }

  return (router) =>
    router.service(Health, {
      check: ({ service }) => {
        if (known.has(service)) return { status: status() };
        throw noService(service);
      },
      list: () => ({ statuses: Object.fromEntries([...known].map((name) => [name, { status: status() }])) }),
      watch: ({ service }, context: HandlerContext) =>
        withSigns(watch(service, context.signal), { clock, sign: (last) => last }),
    });
}

const noService = (name: string) =>
  asStatus(
    new WindlassError("not_found", `this server has no service ${name}`, { metadata: { resource: "service", name } }),
  );
