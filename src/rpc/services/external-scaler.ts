import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { type DemandQuestion, type PoolDemand, PoolDemands, watchDemand } from "../../control/agents/demand.ts";
import type { Control } from "../../control/core/control.ts";
import { invalid } from "../../control/core/refusals.ts";
import type { ExternalScaler, ScaledObjectRef } from "../../gen/externalscaler/externalscaler_pb.ts";
import { type CallerOptions, callerWith } from "../../http/callers/callers.ts";
import { parseLabels } from "../../lib/words/labels.ts";
import { remoteAddressKey } from "../calls/caller.ts";
import { withSigns } from "../streams/signs-of-life.ts";

const metricName = "windlass-jobs";
/** More would be no agent that anybody has. */
const mostJobsPerAgent = 1_000;

type Reference = ScaledObjectRef | undefined;

/**
 * Answers KEDA's external scaler. KEDA sends no header with its calls, so the credential is part of the trigger's metadata, where
 * KEDA can take it from the environment of what it scales.
 */
export function externalScalerService(control: Control, callers: CallerOptions): ServiceImpl<typeof ExternalScaler> {
  const demands = new PoolDemands(control);
  const demandOf = async (reference: Reference, context: HandlerContext): Promise<PoolDemand> => {
    const metadata = reference?.scalerMetadata ?? {};
    const question = questionIn(metadata);
    const token = metadata.tokenFromEnv || metadata.token || "";
    const who = await callerWith(control, callers, { token, address: context.values.get(remoteAddressKey) });
    return demands.of(who, question);
  };
  const jobsOf = async (reference: Reference, context: HandlerContext): Promise<number> => {
    const { ready, running } = await demandOf(reference, context);
    return ready + running;
  };
  async function* changes(reference: Reference, context: HandlerContext) {
    const look = () => demandOf(reference, context);
    for await (const result of watchDemand(control, look, context.signal)) yield { result };
  }
  return {
    isActive: async (reference, context) => ({ result: (await jobsOf(reference, context)) > 0 }),
    streamIsActive: (reference, context) =>
      withSigns(changes(reference, context), { clock: control.clock, sign: (last) => last }),
    getMetricSpec: async (reference, context) => {
      // A trigger that could not be answered fails before it scales anything.
      await demandOf(reference, context);
      const size = jobsPerAgentIn(reference?.scalerMetadata ?? {});
      return { metricSpecs: [{ metricName, targetSize: BigInt(size), targetSizeFloat: size }] };
    },
    getMetrics: async ({ scaledObjectRef }, context) => {
      const jobs = await jobsOf(scaledObjectRef, context);
      return { metricValues: [{ metricName, metricValue: BigInt(jobs), metricValueFloat: jobs }] };
    },
  };
}

type Metadata = Readonly<Record<string, string>>;

function questionIn(metadata: Metadata): DemandQuestion {
  jobsPerAgentIn(metadata);
  return { organization: metadata.organization ?? "", pool: metadata.pool ?? "", labels: labelsIn(metadata) };
}

function jobsPerAgentIn({ jobsPerAgent = "1" }: Metadata): number {
  const size = Number(jobsPerAgent);
  if (Number.isInteger(size) && size > 0 && size <= mostJobsPerAgent) return size;
  throw invalid(
    "scaler_metadata.jobsPerAgent",
    `expected a whole number from 1 to ${mostJobsPerAgent}, got ${JSON.stringify(jobsPerAgent)}`,
  );
}

/** What every agent says of itself is known of these, too: they run in Kubernetes. */
function labelsIn({ labels }: Metadata): DemandQuestion["labels"] {
  if (labels === undefined) return undefined;
  const read = parseLabels(labels);
  if (read !== undefined) return { os: "linux", ...read };
  throw invalid("scaler_metadata.labels", `expected labels such as zone=a,gpu, got ${JSON.stringify(labels)}`);
}
