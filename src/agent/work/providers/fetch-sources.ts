import { ConnectError } from "@connectrpc/connect";
import type {
  GetProvidersResponse,
  JobProviderSource,
} from "../../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import type { ProviderMirror, ProviderSources } from "../../../terraform/configuration/provider-sources.ts";
import type { AgentJob } from "../../jobs/job.ts";
import type { JobServices } from "../services.ts";
import { callForJob } from "../way-problem.ts";

/**
 * Fetches what the control plane says of where the providers of a granted job come from, as long as it takes; undefined
 * when it says nothing. Rejects when it is refused for good, when this agent does not understand it, and when the agent
 * stops.
 */
export const fetchSources =
  ({
    artifacts,
    ...context
  }: Pick<JobServices, "artifacts" | "clock" | "random" | "log">): JobServices["providerSources"] =>
  async (job: AgentJob, stopping: AbortSignal): Promise<ProviderSources | undefined> => {
    const ofJob = artifacts(job.spec.jobToken);
    const ask = () => ofJob.providers(stopping);
    try {
      const what = "ask where providers come from";
      const found = job.given?.providers ?? (await callForJob(ask, { job, context, what }, stopping));
      return found === undefined ? undefined : sourcesIn(found);
    } catch (error) {
      stopping.throwIfAborted();
      if (!(error instanceof ConnectError)) throw error;
      throw new Error(`where providers come from could not be asked: ${error.rawMessage}`, { cause: error });
    }
  };

function sourcesIn({ sources, hosts, caCertificates: caPem }: GetProvidersResponse): ProviderSources | undefined {
  if (sources.length + hosts.length + caPem.length === 0) return undefined;
  return { mirrors: sources.map(mirrorOf), hosts: hosts.map(({ host, token }) => ({ host, token })), caPem };
}

function mirrorOf({ source, include, exclude }: JobProviderSource): ProviderMirror {
  switch (source.case) {
    case "filesystemMirror":
      return { kind: "filesystem", path: source.value, include, exclude };
    case "networkMirror":
      return { kind: "network", url: source.value, include, exclude };
    case "direct":
      return { kind: "direct", include, exclude };
    case undefined:
      throw new Error("the setting providers names a kind of source that this agent does not know: update the agent");
  }
}
