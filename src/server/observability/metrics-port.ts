import type { Control } from "../../control/core/control.ts";
import type { Readiness } from "../../http/readiness.ts";
import type { ListenAddress } from "../../lib/net/listen-address.ts";
import { openStatusPort } from "../../lib/program/status-port.ts";
import type { Observability } from "./observe.ts";
import { stateMetrics } from "./state-metrics.ts";
import { storageMetrics } from "./storage-metrics.ts";

export interface MetricsParts {
  readonly control: Control;
  readonly watching: Observability;
  readonly readiness: Readiness;
}

/** Opens the port for Prometheus. Rejects if the address cannot be listened on. */
export async function openMetricsPort(
  address: ListenAddress,
  { control, watching, readiness }: MetricsParts,
): Promise<AsyncDisposable> {
  await using opening = new AsyncDisposableStack();
  const { registry } = watching.metrics;
  const refresh = stateMetrics(registry, control);
  const storage = opening.use(storageMetrics(registry, control));
  const sources = {
    metrics: async () => {
      await refresh();
      await storage.refresh();
      return registry.metrics();
    },
    notReady: () => readiness.whyNot,
  };
  const port = opening.use(await openStatusPort(address, sources));
  control.log.info({ url: port.url }, "metrics, /healthz and /readyz are served");
  return opening.move();
}
