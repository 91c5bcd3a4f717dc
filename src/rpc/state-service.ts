import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../control/control.ts";
import { invalid } from "../control/invalid.ts";
import { adoptState, dropState } from "../control/quarantine.ts";
import { admitPush, pushState, rollbackState } from "../control/state-push.ts";
import { diffStates, listStateResources } from "../control/state-views.ts";
import { downloadState, getOutputs, getState, listStates, type StateReference } from "../control/states.ts";
import type { Principal } from "../domain/principal.ts";
import type {
  DownloadStateResponseSchema,
  StateService,
  UploadStateHeader,
  UploadStateRequest,
} from "../gen/windlass/v1/state_service_pb.ts";
import { WindlassError } from "../lib/errors.ts";
import { callerOf } from "./caller.ts";
import { pageOf } from "./mapping/page.ts";
import { workspaceReference } from "./mapping/reference.ts";
import { toDifference, toOutput, toStateResource, toStateVersion } from "./mapping/state.ts";

interface NamesState {
  readonly stateVersionId: string;
  readonly organization: string;
  readonly workspace: string;
}

const referenceOf = (request: NamesState): StateReference => ({
  id: request.stateVersionId,
  workspace: workspaceReference(request),
});

/** Reads the states of workspaces, and takes states that people have. */
export const stateService = (control: Control): ServiceImpl<typeof StateService> => ({
  listStateVersions: async (request, context) => {
    const { quarantined: isQuarantined } = request;
    const wanted = { workspace: workspaceReference(request), isQuarantined, page: pageOf(request) };
    const { rows, nextToken } = await listStates(control, callerOf(context), wanted);
    return { stateVersions: rows.map(toStateVersion), nextPageToken: nextToken };
  },
  getStateVersion: async (request, context) => ({
    stateVersion: toStateVersion(await getState(control, callerOf(context), referenceOf(request))),
  }),
  downloadState: (request, context) => download(control, callerOf(context), referenceOf(request)),
  adoptState: async ({ stateVersionId: id, force: isForced }, context) => ({
    stateVersion: toStateVersion(await adoptState(control, callerOf(context), { id, isForced })),
  }),
  dropState: async ({ stateVersionId }, context) => {
    await dropState(control, callerOf(context), stateVersionId);
    return {};
  },
  uploadState: (requests, context) => upload(control, callerOf(context), requests),
  diffStates: async ({ fromStateVersionId: fromId, toStateVersionId: toId }, context) => ({
    difference: toDifference(await diffStates(control, callerOf(context), { fromId, toId })),
  }),
  rollbackState: async ({ stateVersionId: id, expectedCurrentId }, context) => ({
    stateVersion: toStateVersion(await rollbackState(control, callerOf(context), { id, expectedCurrentId })),
  }),
  listStateResources: async (request, context) => {
    const wanted = { state: referenceOf(request), search: request.search, page: pageOf(request) };
    const { rows, nextToken } = await listStateResources(control, callerOf(context), wanted);
    return { resources: rows.map(toStateResource), nextPageToken: nextToken };
  },
  getOutputs: async (request, context) => ({
    outputs: (await getOutputs(control, callerOf(context), referenceOf(request))).map(toOutput),
  }),
});

async function* download(
  control: Control,
  who: Principal,
  reference: StateReference,
): AsyncGenerator<MessageInitShape<typeof DownloadStateResponseSchema>> {
  for await (const chunk of downloadState(control, who, reference)) yield { chunk };
}

async function upload(control: Control, who: Principal, requests: AsyncIterable<UploadStateRequest>) {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true || first.value.part.case !== "header") {
    throw invalid("header", "expected the header as the first message of the upload");
  }
  const header = first.value.part.value;
  const push = { workspace: workspaceReference(header), sha256: header.sha256, isForced: header.force };
  await admitPush(control, who, push);
  const bytes = await collect(iterator, header, control.limits.maxStateBytes);
  return { stateVersion: toStateVersion(await pushState(control, who, { ...push, bytes })) };
}

/** The bytes that follow the header: as many as it announced, and no more than are allowed. */
async function collect(
  requests: AsyncIterator<UploadStateRequest>,
  { sizeBytes }: UploadStateHeader,
  maxBytes: number,
): Promise<Uint8Array> {
  if (sizeBytes > BigInt(maxBytes)) {
    throw new WindlassError("upload_too_large", `the state has ${sizeBytes} bytes: at most ${maxBytes} are accepted`, {
      metadata: { limit_bytes: String(maxBytes) },
    });
  }
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
    const { part } = next.value;
    if (part.case !== "chunk") throw invalid("header", "expected only one header, then chunks");
    size += part.value.length;
    if (size > Number(sizeBytes)) throw wrongSize(sizeBytes, "more");
    pieces.push(part.value);
  }
  if (size < Number(sizeBytes)) throw wrongSize(sizeBytes, `${size}`);
  return Buffer.concat(pieces);
}

const wrongSize = (announced: bigint, got: string): WindlassError =>
  new WindlassError("checksum_mismatch", `${announced} bytes of state were announced and ${got} came: push it again`);
