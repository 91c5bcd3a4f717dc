import { Code, type ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import {
  JobArtifactService,
  type UploadPartRequest,
  UploadPartRequestSchema,
  type UploadPlanHeader,
  type UploadPlanRequest,
  UploadPlanRequestSchema,
  type UploadStateHeader,
  type UploadStateRequest,
  UploadStateRequestSchema,
} from "../../src/gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { ownRefusal } from "../support/agent/own-refusal.ts";
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
    downloadConfiguration: (range, context) => pieces(offered(context).parts.configuration, range),
    downloadPlan: (range, context) => pieces(offered(context).parts.plan, range),
    downloadPlanFiles: (range, context) => pieces(offered(context) && undefined, range),
    downloadState: (range, context) => pieces(offered(context).parts.state, range),
    uploadPart: (part, context) => takePart(plane, granted(context), part),
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

interface Range {
  readonly offset: bigint;
  readonly maxBytes: bigint;
}

async function* pieces(bytes: Uint8Array | undefined, { offset, maxBytes }: Range) {
  if (bytes === undefined) throw ownRefusal("there is none", Code.NotFound);
  const wanted = bytes.subarray(Number(offset), maxBytes === 0n ? undefined : Number(offset + maxBytes));
  for (let at = 0; at < wanted.length; at += 1000) yield { chunk: wanted.subarray(at, at + 1000) };
}

/** Takes a part that begins where the last one ended; others are passed over. */
function takePart(plane: Plane, job: OfferedJob, part: UploadPartRequest): { nextOffset: bigint } {
  plane.record.check(UploadPartRequestSchema, part);
  const { sha256: name, sizeBytes, offset, chunk } = part;
  const has = job.inParts.get(name) ?? Buffer.alloc(0);
  if (offset + BigInt(chunk.length) > sizeBytes) plane.record.fault("a part goes over the end of its object");
  const now = Number(offset) === has.length ? Buffer.concat([has, chunk]) : has;
  job.inParts.set(name, now);
  return { nextOffset: BigInt(now.length) };
}

/** What came in parts, if the header says that it did. */
const broughtBefore = (job: OfferedJob, inParts: boolean | undefined, name: string | undefined): Uint8Array =>
  inParts === true ? (job.inParts.get(name ?? "") ?? Buffer.alloc(0)) : Buffer.alloc(0);

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
  chunks.push(broughtBefore(job, header?.planInParts, header?.planSha256));
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
  chunks.push(broughtBefore(job, header?.inParts, header?.sha256));
  const bytes = Buffer.concat(chunks);
  if (header === undefined || header.sha256 !== sha256(bytes) || header.sizeBytes !== BigInt(bytes.length))
    throw refuse(plane, "a state upload does not match its header");
  job.states.push({ header, bytes });
}

function refuse(plane: Plane, why: string): ConnectError {
  plane.record.fault(why);
  return ownRefusal(why, Code.InvalidArgument);
}
