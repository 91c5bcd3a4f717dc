import { ConnectError } from "@connectrpc/connect";
import type { GetVariablesResponse } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { together } from "../../lib/async/abort.ts";
import type { TerraformVariable } from "../../terraform/configuration/variables.ts";
import type { EnvironmentVariable } from "../../terraform/engines/environment.ts";
import { secretTexts } from "../../terraform/redaction/secret-texts.ts";
import type { AgentJob } from "../jobs/job.ts";
import { maskedIn, readHookValues } from "./hooks/hook-values.ts";
import { fetchProviders } from "./providers/fetch-providers.ts";
import type { ProviderPlan } from "./providers/job-providers.ts";
import type { JobContext } from "./services.ts";
import { fetchSharedStates, type SharedStates, secretsOf } from "./states/shared-states.ts";
import { callForJob } from "./way-problem.ts";

/** What a job is given once it was granted; the variables are in memory only. */
export interface GivenInputs {
  readonly terraform: readonly TerraformVariable[];
  readonly environment: readonly EnvironmentVariable[];
  /** Outputs of other workspaces. */
  readonly shared: SharedStates;
  readonly providers: ProviderPlan;
  /** What must not be seen in the log. */
  readonly secrets: readonly string[];
}

/**
 * Fetches the variables and shared states of a granted job, as long as it takes: a job token may be good again after
 * the next heartbeat. Rejects when they are refused for good, and when the agent stops.
 */
export async function fetchVariables(job: AgentJob, context: JobContext): Promise<GivenInputs> {
  const [own, shared, providers] = await together(context.stopping, (stopping) => {
    const until = { ...context, stopping };
    return [fetchOwn(job, until), fetchSharedStates(job, until), fetchProviders(job, until)];
  });
  return sortVariables({ own, shared, providers }, job.spec.jobToken);
}

/** What must not be seen by now: of what a job was given, and of what its hooks have set. */
export async function secretsOfJob(
  { files }: Pick<AgentJob, "files">,
  variables: Promise<GivenInputs>,
): Promise<readonly string[]> {
  const { secrets } = await variables;
  const masked = maskedIn(await readHookValues(files.hookValues));
  return masked.length === 0 ? secrets : [...secrets, ...masked];
}

async function fetchOwn(job: AgentJob, context: JobContext): Promise<GetVariablesResponse> {
  if (job.given?.variables !== undefined) return job.given.variables;
  const artifacts = context.artifacts(job.spec.jobToken);
  const ask = () => artifacts.variables(context.stopping);
  try {
    return await callForJob(ask, { job, context, what: "fetch the variables" }, context.stopping);
  } catch (error) {
    context.stopping.throwIfAborted();
    throw new Error(`the variables could not be fetched: ${ConnectError.from(error).rawMessage}`, { cause: error });
  }
}

interface Fetched {
  readonly own: GetVariablesResponse;
  readonly shared: SharedStates;
  readonly providers: ProviderPlan;
}

function sortVariables({ own, shared, providers }: Fetched, jobToken: string): GivenInputs {
  const { variables, hidden } = own;
  const ofTerraform = variables.filter(({ environment }) => !environment);
  const ofEnvironment = variables.filter(({ environment }) => environment);
  const sensitive = variables.filter(({ sensitive }) => sensitive);
  return {
    terraform: ofTerraform.map(({ key, value, hcl }) => ({ name: key, value, isHcl: hcl })),
    environment: ofEnvironment.map(({ key, value }) => ({ name: key, value })),
    shared,
    providers,
    secrets: [
      ...secretTexts([
        ...sensitive.map(({ value, hcl }) => ({ value, isHcl: hcl })),
        ...hidden.map((value) => ({ value, isHcl: true })),
      ]),
      ...secretsOf(shared).secrets,
      ...providers.secrets,
      jobToken,
    ],
  };
}
