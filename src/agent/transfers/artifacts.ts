import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, createClient, type Transport } from "@connectrpc/connect";
import {
  type GetProvidersResponse,
  type GetVariablesResponse,
  JobArtifactService,
  type ListSharedStatesResponse,
  type UploadPlanHeaderSchema,
  UploadPlanRequestSchema,
  UploadStateRequestSchema,
  type UploadStateResponse,
} from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import type { JobEngine } from "../../gen/windlass/agent/v1/job_pb.ts";
import { type PlanDocuments, PlanSummarySchema } from "../../gen/windlass/agent/v1/plan_pb.ts";
import { bytesOf } from "../../lib/values/streams.ts";
import { isOwnRefusal, isUnknownMethod } from "../../lib/way/own-answer.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import type { Ask } from "./download.ts";

/** Largest piece of a transfer, by protocol. */
const pieceBytes = 256 * 1024;
/** How long one part may take: it is sized to take about a second. */
const partTimeoutMs = 60_000;

/** A state to upload: a file, and what stands in it. */
export interface StateToUpload {
  readonly bytes: Uint8Array;
  readonly lineage: string;
  readonly serial: number;
  /** Its place among the states of the job; 0 for one that is aside. */
  readonly sequence: number;
  readonly isFinal: boolean;
  /** Why it cannot be the workspace's; empty if it may be. */
  readonly asideReason: string;
}

/** The large objects of one job, by its job token. Each call is one attempt; errors are ConnectErrors. */
export class JobArtifacts {
  readonly #client: Client<typeof JobArtifactService>;
  readonly #headers: { readonly authorization: string };

  constructor(transport: Transport, jobToken: string) {
    this.#client = createClient(JobArtifactService, transport);
    this.#headers = { authorization: `Bearer ${jobToken}` };
  }

  async variables(signal: AbortSignal): Promise<GetVariablesResponse> {
    const options = { headers: this.#headers, signal, timeoutMs: 30_000 };
    return await this.#client.getVariables({}, options);
  }

  /** Where providers come from; undefined if the server is too old to have a say in it. */
  async providers(signal: AbortSignal): Promise<GetProvidersResponse | undefined> {
    const options = { headers: this.#headers, signal, timeoutMs: 30_000 };
    return this.#client.getProviders({}, options).catch(unlessUnknown);
  }

  /** Outputs of other workspaces; none if the server is too old to know any. */
  async sharedStates(signal: AbortSignal): Promise<readonly ListSharedStatesResponse[]> {
    const found = Array.fromAsync(this.#client.listSharedStates({}, this.#with(signal)));
    return (await found.catch(unlessUnknown)) ?? [];
  }

  /** The configuration, the plan, the archive of its files or the state: any bytes of them. */
  readonly configuration: Ask = (range, signal) => this.#client.downloadConfiguration(range, this.#with(signal));
  readonly plan: Ask = (range, signal) => this.#client.downloadPlan(range, this.#with(signal));
  readonly planFiles: Ask = (range, signal) => this.#client.downloadPlanFiles(range, this.#with(signal));
  readonly state: Ask = (range, signal) => this.#client.downloadState(range, this.#with(signal));

  /** Sends a part of an object; answers the first byte that the server does not have. An empty one only asks. */
  async uploadPart(object: PartOfObject, chunk: Uint8Array, signal: AbortSignal): Promise<number> {
    const { sizeBytes, sha256, offset } = object;
    const request = { sha256, sizeBytes: BigInt(sizeBytes), offset: BigInt(offset), chunk };
    const { nextOffset } = await this.#client.uploadPart(request, { ...this.#with(signal), timeoutMs: partTimeoutMs });
    return Number(nextOffset);
  }

  /** Sends a plan, its summary, and what it made: in one call, or the header alone of what came in parts. */
  async uploadPlan(planFile: string, plan: PlanToUpload, inParts: PlanInParts, signal: AbortSignal): Promise<void> {
    await using files = new AsyncDisposableStack();
    const planned = files.use(await openOwnFile(planFile));
    const made = plan.files === undefined ? undefined : files.use(await openOwnFile(plan.files.file));
    const header = {
      planSizeBytes: BigInt((await planned.stat()).size),
      planSha256: plan.sha256,
      engine: plan.engine,
      engineVersion: plan.engineVersion,
      lockFile: plan.lockFile,
      filesSizeBytes: BigInt(plan.files?.bytes ?? 0),
      filesSha256: plan.files?.sha256 ?? "",
      summaryFollows: plan.summaryFollows,
    };
    if (inParts.kind === "one_call")
      await this.#client.uploadPlan(planParts(header, { ...plan, planned, made }), this.#with(signal));
    else {
      const { summary, documents } = inParts;
      const parts = {
        ...{ planInParts: true, filesInParts: plan.files !== undefined },
        ...partsOf(summary),
        ...documentsPartsOf(documents),
      };
      await this.#client.uploadPlan(only(header, parts), this.#with(signal));
    }
  }

  /** Sends the summary and the documents of a plan that was sent without them. */
  async uploadSummary(late: SummaryToUpload, inParts: PlanInParts, signal: AbortSignal): Promise<void> {
    const header = { planSha256: late.sha256, engineVersion: late.engineVersion, summaryOnly: true };
    if (inParts.kind === "one_call") {
      const content = { ...late, planned: undefined, made: undefined };
      await this.#client.uploadPlan(planParts(header, content), this.#with(signal));
    } else {
      const parts = { ...partsOf(inParts.summary), ...documentsPartsOf(inParts.documents) };
      await this.#client.uploadPlan(only(header, parts), this.#with(signal));
    }
  }

  /** Sends a state; the answer says whether it was kept aside. */
  uploadState(
    state: StateToUpload,
    { inParts }: { readonly inParts: boolean },
    signal: AbortSignal,
  ): Promise<UploadStateResponse> {
    return this.#client.uploadState(stateParts(state, inParts), this.#with(signal));
  }

  #with(signal: AbortSignal) {
    return { headers: this.#headers, signal };
  }
}

export interface PlanToUpload {
  readonly sha256: string;
  /** Its encoded parts, every sensitive value left out. */
  readonly summary: readonly Uint8Array[];
  /** The program that made it. */
  readonly engine: JobEngine;
  readonly engineVersion: string;
  /** The dependency lock file as the plan left it; empty if there is none, or if it names no provider. */
  readonly lockFile: Uint8Array;
  /** The archive of the files that it made, if there are any. */
  readonly files: { readonly file: string; readonly bytes: number; readonly sha256: string } | undefined;
  /** Undefined if the control plane takes none. */
  readonly documents: PlanDocuments | undefined;
  /** True for a plan of which summary and documents are sent later. */
  readonly summaryFollows: boolean;
}

/** What of a plan is sent later. */
export type SummaryToUpload = Pick<PlanToUpload, "sha256" | "engineVersion" | "summary" | "documents">;

/**
 * An older server does not know the call, and says so itself: a proxy that has no such path says nothing about the
 * server.
 */
function unlessUnknown(error: unknown): undefined {
  if (!isUnknownMethod(error)) throw error;
}

/** Another try meets the same refusal; `ResourceExhausted` is a message or an upload that is too large. */
const lasting: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.FailedPrecondition,
  Code.NotFound,
  Code.ResourceExhausted,
]);
const tooLarge: ReadonlySet<Code> = new Set([Code.ResourceExhausted]);
const refusals: ReadonlySet<Code> = new Set([...lasting, Code.Unauthenticated, Code.PermissionDenied]);

/**
 * True when trying the same call again later may help: always, unless Windlass itself has refused it. A token may be
 * good again once a heartbeat has renewed it, and what stands in the way may be mended.
 */
export const mayPass = (error: unknown): boolean => !isOwnRefusal(error, lasting);

/** True when what is sent or asked for is larger than Windlass takes. */
export const isTooLarge = (error: unknown): boolean => isOwnRefusal(error, tooLarge);

/** True when Windlass does not accept the credential, or what it speaks for. */
export const isRefused = (error: unknown): boolean => isOwnRefusal(error, refusals);

export const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Opens a file that a job may have put there: a link is not followed, and only a regular file will do. */
export async function openOwnFile(path: string): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new WindlassError("validation", `${path} is no regular file`);
}

/** SHA-256 of a file that a job has made, in hex. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await using file = await openOwnFile(path);
  for await (const chunk of piecesOf(file)) hash.update(chunk);
  return hash.digest("hex");
}

/** What is known of an object that is sent in parts, and where the part stands. */
export interface PartOfObject {
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly offset: number;
}

/** How a plan is sent. */
export type PlanInParts =
  | { readonly kind: "one_call" }
  /** All of it came in parts before: these are the summary and the documents that did. */
  | { readonly kind: "parts"; readonly summary: Uint8Array; readonly documents: Uint8Array };

const partsOf = (summary: Uint8Array) =>
  summary.length === 0 ? {} : { summaryPartsBytes: BigInt(summary.length), summaryPartsSha256: sha256Of(summary) };

const documentsPartsOf = (documents: Uint8Array) =>
  documents.length === 0
    ? {}
    : { documentsPartsBytes: BigInt(documents.length), documentsPartsSha256: sha256Of(documents) };

type Header = Exclude<MessageInitShape<typeof UploadPlanHeaderSchema>, { readonly $typeName: string }>;

async function* only(header: Header, parts: Partial<Header>): AsyncGenerator<PlanPart> {
  yield create(UploadPlanRequestSchema, { part: { case: "header", value: { ...header, ...parts } } });
}

type PlanPart = MessageInitShape<typeof UploadPlanRequestSchema>;

interface PlanContent extends Pick<PlanToUpload, "summary" | "documents"> {
  readonly planned: FileHandle | undefined;
  readonly made: FileHandle | undefined;
}

async function* planParts(
  header: MessageInitShape<typeof UploadPlanHeaderSchema>,
  { planned, summary, documents, made }: PlanContent,
): AsyncGenerator<PlanPart> {
  yield create(UploadPlanRequestSchema, { part: { case: "header", value: header } });
  if (planned !== undefined)
    for await (const value of piecesOf(planned)) {
      yield create(UploadPlanRequestSchema, { part: { case: "planChunk", value } });
    }
  for (const part of summary) {
    const value = fromBinary(PlanSummarySchema, part);
    yield create(UploadPlanRequestSchema, { part: { case: "summary", value } });
  }
  if (documents !== undefined) yield create(UploadPlanRequestSchema, { part: { case: "documents", value: documents } });
  if (made === undefined) return;
  for await (const value of piecesOf(made)) {
    yield create(UploadPlanRequestSchema, { part: { case: "filesChunk", value } });
  }
}

/** A file that is read once. */
async function* piecesOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  const { size } = await file.stat();
  if (size === 0) return;
  if (size <= smallBytes) yield await file.readFile();
  else yield* bytesOf(file.createReadStream({ autoClose: false, start: 0, highWaterMark: pieceBytes }));
}

/** What is smaller is read in one go: a stream costs more than all of it. */
const smallBytes = 64 * 1024;

async function* stateParts(
  { bytes, lineage, serial, sequence, isFinal, asideReason }: StateToUpload,
  inParts: boolean,
) {
  const sizes = { sizeBytes: BigInt(bytes.length), sha256: sha256Of(bytes) };
  const numbers = { serial: BigInt(serial), sequence: BigInt(sequence) };
  const header = { lineage, ...numbers, ...sizes, isLast: isFinal, asideReason: asideReason.slice(0, 1024), inParts };
  yield create(UploadStateRequestSchema, { part: { case: "header", value: header } });
  if (inParts) return;
  for (const value of pieces(bytes)) yield create(UploadStateRequestSchema, { part: { case: "chunk", value } });
}

function* pieces(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
