import { Code, type ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { ownRefusal } from "../../src/agent/testing/own-refusal.ts";
import {
  JobArtifactService,
  type UploadPlanHeader,
  type UploadPlanRequest,
  UploadPlanRequestSchema,
  type UploadStateHeader,
  type UploadStateRequest,
  UploadStateRequestSchema,
} from "../../src/gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { type OfferedJob, sha256 } from "./offered-job.ts";
import type { Plane } from "./plane.ts";

/** What agents fetch and bring, for jobs whose token they have. */
export function serveArtifacts(router: ConnectRouter, plane: Plane): void {
  const offered = (context: HandlerContext) => jobOf(plane, context);
  const granted = (context: HandlerContext) => grantedJobOf(plane, context);
  router.service(JobArtifactService, {
    getVariables: (_request, context) => ({ variables: [...(granted(context).parts.variables ?? [])] }),
    getProviders: (_request, context) => {
      granted(context);
      return {};
    },
    listSharedStates: (_request, context) => nothing(granted(context)),
    downloadConfiguration: (_request, context) => pieces(offered(context).parts.configuration),
    downloadPlan: (_request, context) => pieces(offered(context).parts.plan),
    downloadPlanFiles: (_request, context) => pieces(offered(context) && undefined),
    downloadState: (_request, context) => pieces(offered(context).parts.state),
    uploadPlan: async (parts, context) => {
      await takePlan(plane, granted(context), parts);
      return {};
    },
    uploadState: async (parts, context) => {
      await takeState(plane, granted(context), parts);
      return { stateVersionId: "sv_conformance", quarantined: false, quarantineReason: "" };
    },
  });
}

function jobOf(plane: Plane, context: HandlerContext): OfferedJob {
  const token = context.requestHeader.get("authorization");
  const job = plane.jobs.find(({ spec }) => token === `Bearer ${spec.jobToken}`);
  const method = context.method.name;
  plane.record.calls.push({ ...plane.record.now(), method, jobId: job?.id ?? "" });
  if (job !== undefined) return job;
  plane.record.fault(`${method} was called without the job_token of an offer as bearer token`);
  throw ownRefusal("expected the token of a job", Code.Unauthenticated);
}

/** What is for those jobs alone that were granted. */
function grantedJobOf(plane: Plane, context: HandlerContext): OfferedJob {
  const job = jobOf(plane, context);
  if (job.isGranted) return job;
  plane.record.fault(`${context.method.name} was called before the job was granted`);
  throw ownRefusal("the job was not granted", Code.PermissionDenied);
}

/** No workspace shares its outputs with this one. */
async function* nothing(_job: OfferedJob): AsyncGenerator<{ workspace: string }> {
  yield* [];
}

async function* pieces(bytes: Uint8Array | undefined) {
  if (bytes === undefined) throw ownRefusal("there is none", Code.NotFound);
  for (let at = 0; at < bytes.length; at += 1000) yield { chunk: bytes.subarray(at, at + 1000) };
}

/** In which order the parts of a plan come [plan.order]. */
const planOrder: readonly string[] = ["header", "planChunk", "summary", "filesChunk"];

async function takePlan(plane: Plane, job: OfferedJob, parts: AsyncIterable<UploadPlanRequest>): Promise<void> {
  const chunks: Uint8Array[] = [];
  let header: UploadPlanHeader | undefined;
  let rank = -1;
  for await (const message of parts) {
    plane.record.check(UploadPlanRequestSchema, message);
    const { part } = message;
    const next = planOrder.indexOf(part.case ?? "");
    if (next < rank) plane.record.fault(`a plan upload has its ${part.case} after its ${planOrder[rank]}`);
    rank = Math.max(rank, next);
    if (part.case === "header") header = part.value;
    if (part.case === "planChunk") chunks.push(part.value);
  }
  const bytes = Buffer.concat(chunks);
  if (header === undefined || header.planSha256 !== sha256(bytes) || header.planSizeBytes !== BigInt(bytes.length))
    throw refuse(plane, "a plan upload does not match its header");
  job.plans.push({ header, bytes });
}

async function takeState(plane: Plane, job: OfferedJob, parts: AsyncIterable<UploadStateRequest>): Promise<void> {
  const chunks: Uint8Array[] = [];
  let header: UploadStateHeader | undefined;
  for await (const message of parts) {
    plane.record.check(UploadStateRequestSchema, message);
    if (message.part.case === "header") header = message.part.value;
    if (message.part.case === "chunk") chunks.push(message.part.value);
  }
  const bytes = Buffer.concat(chunks);
  if (header === undefined || header.sha256 !== sha256(bytes) || header.sizeBytes !== BigInt(bytes.length))
    throw refuse(plane, "a state upload does not match its header");
  job.states.push({ header, bytes });
}

function refuse(plane: Plane, why: string): ConnectError {
  plane.record.fault(why);
  return ownRefusal(why, Code.InvalidArgument);
}
