import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { SourcePlace } from "../../domain/workspaces/provider-settings.ts";
import { type JobInputs, JobInputsSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type {
  GetProvidersResponseSchema,
  GetVariablesResponseSchema,
  ListSharedStatesResponseSchema,
} from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { allSettled } from "../../lib/async/all-settled.ts";
import type { Control } from "../core/control.ts";
import { type JobVariables, openVariables, readVariables, startedScope } from "./inputs.ts";
import { type JobProviders, openProviders, readProviders } from "./providers.ts";
import type { Claim } from "./results.ts";
import { openSharers, readSharers, type SharedState } from "./shared-states.ts";

/** Most that is told with a grant: what is larger the agent asks for. */
export const maxToldBytes = 64 * 1024;

/**
 * What a job that was just allowed to start is given, so that its agent does not have to ask. Undefined if it is large or
 * cannot be read: then the agent asks, and hears why.
 */
export async function toldInputs(control: Control, { jobId, epoch }: Claim): Promise<JobInputs | undefined> {
  try {
    const found = await control.store.read(async (q) => {
      const scope = await startedScope(q, { kind: "job", jobId, epoch }, "variables");
      const [variables, providers, sharers] = await allSettled([
        readVariables(control, q, scope),
        readProviders(q, scope),
        readSharers(q, scope),
      ]);
      return { variables, providers, sharers };
    });
    const sharedStates = [];
    let bytes = 0;
    for await (const shared of openSharers(control, found.sharers)) {
      bytes += shared.kind === "readable" ? shared.state.length : shared.problem.length;
      if (bytes > maxToldBytes) return undefined;
      sharedStates.push(toSharedState(shared));
    }
    const inputs = create(JobInputsSchema, {
      variables: toJobVariables(openVariables(control, found.variables)),
      providers: toJobProviders(openProviders(control, found.providers)),
      sharedStates,
    });
    return toBinary(JobInputsSchema, inputs).length > maxToldBytes ? undefined : inputs;
  } catch (error) {
    control.log.warn({ err: error, jobId }, "what a job is given cannot be told with its grant: its agent asks for it");
    return undefined;
  }
}

/** Variables in clear. */
export const toJobVariables = ({
  variables,
  hidden,
}: JobVariables): MessageInitShape<typeof GetVariablesResponseSchema> => ({
  hidden: [...hidden],
  variables: variables.map(({ key, value, isEnvironment, isHcl, isSensitive }) => ({
    key,
    value,
    environment: isEnvironment,
    hcl: isHcl,
    sensitive: isSensitive,
  })),
});

export const toSharedState = ({
  workspace,
  ...shared
}: SharedState): MessageInitShape<typeof ListSharedStatesResponseSchema> =>
  shared.kind === "readable" ? { workspace, state: shared.state } : { workspace, problem: shared.problem };

/** What a job is told, tokens in clear. */
export const toJobProviders = ({
  sources,
  hosts,
  caCertificates,
}: JobProviders): MessageInitShape<typeof GetProvidersResponseSchema> => ({
  sources: sources.map((source) => ({
    source: toJobPlace(source),
    include: [...source.include],
    exclude: [...source.exclude],
  })),
  hosts: hosts.map(({ host, token }) => ({ host, token })),
  caCertificates,
});

function toJobPlace(place: SourcePlace) {
  switch (place.kind) {
    case "filesystem":
      return { case: "filesystemMirror", value: place.path } as const;
    case "network":
      return { case: "networkMirror", value: place.url } as const;
    case "direct":
      return { case: "direct", value: true } as const;
  }
}
