import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { invalid } from "../../control/core/refusals.ts";
import { ownerOf, type ReadUploaded, withUploaded } from "../../control/core/uploads.ts";
import { admitPush, pushState, rollbackState } from "../../control/states/push.ts";
import { adoptState, dropState } from "../../control/states/quarantine.ts";
import {
  downloadState,
  getOutputs,
  getStateWithPrevious,
  listStates,
  type StateReference,
} from "../../control/states/states.ts";
import { diffStates, listStateResources } from "../../control/states/views.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { OutputSchema, StateDifferenceSchema, StateVersionSchema } from "../../gen/windlass/v1/state_pb.ts";
import type {
  StateService,
  UploadStateRequest,
  UploadStateResponseSchema,
} from "../../gen/windlass/v1/state_service_pb.ts";
import { endedLater } from "../../lib/async/streams.ts";
import { callerOf } from "../calls/caller.ts";
import { fromPage, toPage } from "../mapping/page.ts";
import { fromReference } from "../mapping/reference.ts";
import { toDifference, toJoinedDifference, toOutput, toStateResource, toStateVersion } from "../mapping/state.ts";
import { UploadIntake } from "../streams/intake.ts";
import { Transfers } from "../streams/transfers.ts";

interface NamesState {
  readonly stateVersionId: string;
  readonly organization: string;
  readonly workspace: string;
}

const referenceOf = (request: NamesState): StateReference => ({
  id: request.stateVersionId,
  workspace: fromReference(request),
});

/** Reads the states of workspaces, and takes states that people have. */
export const stateService = (
  control: Control,
  transfers = new Transfers(control, "rate_limited"),
): ServiceImpl<typeof StateService> => ({
  listStateVersions: async (request, context) => {
    const { quarantined: isQuarantined } = request;
    const wanted = { workspace: fromReference(request), isQuarantined, page: fromPage(request) };
    const page = await listStates(control, callerOf(context), wanted);
    const { messages: stateVersions, nextPageToken } = toPage(page, StateVersionSchema, toStateVersion);
    return { stateVersions, nextPageToken };
  },
  getStateVersion: async (request, context) => {
    const { previousId, ...view } = await getStateWithPrevious(control, callerOf(context), referenceOf(request));
    return { stateVersion: toStateVersion(view), previousStateVersionId: previousId ?? "" };
  },
  downloadState: (request, context) =>
    transfers.download(context, downloadState(control, callerOf(context), referenceOf(request))),
  adoptState: async ({ stateVersionId: id, force: isForced }, context) => ({
    stateVersion: toStateVersion(await adoptState(control, callerOf(context), { id, isForced })),
  }),
  dropState: async ({ stateVersionId }, context) => {
    await dropState(control, callerOf(context), stateVersionId);
    return {};
  },
  uploadState: (requests, context) => upload(control, context, requests, transfers),
  diffStates: async (request, context) => {
    const { fromStateVersionId: fromId, toStateVersionId: toId } = request;
    const page = await diffStates(control, callerOf(context), { fromId, toId, page: fromPage(request) });
    const { messages, nextPageToken } = toPage(page, StateDifferenceSchema, toDifference);
    return { difference: toJoinedDifference(messages), nextPageToken };
  },
  rollbackState: async ({ stateVersionId: id, expectedCurrentId }, context) => ({
    stateVersion: toStateVersion(await rollbackState(control, callerOf(context), { id, expectedCurrentId })),
  }),
  listStateResources: async (request, context) => {
    const wanted = { state: referenceOf(request), search: request.search, page: fromPage(request) };
    // Its rows are in the order of what is shown of them, and its excerpt fits: it is not cut again.
    const { rows, nextToken } = await listStateResources(control, callerOf(context), wanted);
    return { resources: rows.map(toStateResource), nextPageToken: nextToken };
  },
  getOutputs: async (request, context) => {
    const wanted = { state: referenceOf(request), page: fromPage(request) };
    const page = await getOutputs(control, callerOf(context), wanted);
    const { messages: outputs, nextPageToken } = toPage(page, OutputSchema, toOutput);
    return { outputs, nextPageToken };
  },
});

async function upload(
  control: Control,
  context: HandlerContext,
  requests: AsyncIterable<UploadStateRequest>,
  transfers: Transfers,
): Promise<MessageInitShape<typeof UploadStateResponseSchema>> {
  const who = callerOf(context);
  const iterator = requests[Symbol.asyncIterator]();
  using _reading = endedLater(iterator);
  const first = await iterator.next();
  if (first.done === true || first.value.part.case !== "header") {
    throw invalid("header", "expected the header as the first message of the upload");
  }
  const header = first.value.part.value;
  const push = { workspace: fromReference(header), sha256: header.sha256, isForced: header.force };
  await admitPush(control, who, push);
  using intake = new UploadIntake({
    what: "state",
    announced: header.sizeBytes,
    maxBytes: control.limits.maxStateBytes,
    memory: transfers.memory,
    of: organizationOf(who),
    signal: context.signal,
  });
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    const { part } = next.value;
    if (part.case !== "chunk") throw invalid("header", "expected only one header, then chunks");
    await intake.take(part.value);
  }
  const store = async (read: ReadUploaded) => {
    const object = { what: "state", sha256: header.sha256, bytes: Number(header.sizeBytes) };
    if (header.inParts) for await (const piece of read(object)) await intake.take(piece);
    return pushState(control, who, { ...push, bytes: intake.whole() });
  };
  return { stateVersion: toStateVersion(await withUploaded(control, ownerOf(who), store)) };
}

/** People of an organization share its memory; site admins have their own. */
const organizationOf = (who: Principal): string => (who.kind === "api_key" ? (who.organizationId ?? who.id) : who.kind);
