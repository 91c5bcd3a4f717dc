import * as z from "zod";
import {
  announceState,
  type NewAnnouncement,
  pushNamedState,
  takeAnnouncedState,
} from "../../control/states/announcements.ts";
import { downloadJsonState, maxJsonStateBytes, takeJsonState } from "../../control/states/json-states.ts";
import type { StateView } from "../../control/states/states.ts";
import type { StateVersionId } from "../../lib/words/ids.ts";
import { created, type Resource, type TfeAnswer } from "../core/answers.ts";
import { readResource, toOne } from "../core/body.ts";
import { route, sharerOf, type TfeCall, workspaceParam } from "../core/call.ts";
import { fromTfeId } from "../core/ids.ts";
import type { ObjectAccess } from "../core/objects.ts";
import { largeDocumentMs, maxLargeDocumentBytes } from "../core/transfers.ts";
import { toAnnouncement, toStateVersion } from "../mapping/state-version.ts";
import { bytesOf, snapshotHeaders, urlsOf } from "./state-versions.ts";

/** Others need no memory to speak of. */
const smallBytes = 1024 * 1024;

/** What is not what it should be does not have its MD5. */
const base64 = z.string().nullish();
const shape = {
  types: ["state-versions"],
  attributes: z.object({
    serial: z.int("expected a whole number").nonnegative(),
    md5: z.string().regex(/^[0-9a-fA-F]{32}$/, "expected an MD5 in hex"),
    lineage: z.string().max(1_000).nullish(),
    force: z.boolean().nullish(),
    state: base64,
    "json-state": base64,
    "json-state-outputs": base64,
  }),
  relationships: z.object({ run: toOne.nullish() }),
};

async function create(call: TfeCall): Promise<TfeAnswer> {
  const workspace = workspaceParam(call);
  using _memory = await memoryFor(call);
  const { attributes, relationships } = await readResource(call, shape, {
    maxBytes: maxLargeDocumentBytes,
    withinMs: largeDocumentMs,
  });
  const { state, serial, md5, lineage, force } = attributes;
  const wish: NewAnnouncement = {
    ...{ workspace, serial, md5: md5.toLowerCase(), lineage: lineage ?? "", isForced: force ?? false },
    runId: fromTfeId(relationships.run?.data?.id ?? ""),
  };
  if (state == null) return announce(call, wish);
  const view = await pushNamedState(call.control, call.who, { ...wish, bytes: Buffer.from(state, "base64") });
  const json = attributes["json-state"] ?? "";
  if (json !== "") await takeJsonState(call.control, call.who, { id: view.state.id, pieces: oneOf(json) });
  return created(toStateVersion(view, urlsOf(call, view)), {}, snapshotHeaders);
}

async function* oneOf(text: string): AsyncGenerator<Uint8Array, void> {
  yield Buffer.from(text, "base64");
}

/** A place in memory for a large document, before any of it is read. */
async function memoryFor(call: TfeCall): Promise<Disposable> {
  const { request, transfers, signal } = call;
  const announced = Number(request.headers["content-length"] ?? maxLargeDocumentBytes);
  const bytes = Number.isSafeInteger(announced) ? Math.min(announced, maxLargeDocumentBytes) : maxLargeDocumentBytes;
  return transfers.memoryFor(bytes > smallBytes ? bytes : 0, { of: sharerOf(call), signal });
}

async function announce(call: TfeCall, wish: NewAnnouncement): Promise<TfeAnswer> {
  const announced = await announceState(call.control, call.who, wish);
  const document = announced.kind === "known" ? ofKnown(call, announced.view) : toAnnouncement(announced.announcement);
  const id = announced.kind === "known" ? announced.view.state.id : announced.announcement.id;
  const attributes = { ...document.attributes, ...uploadUrls(call, id) };
  return created({ ...document, attributes }, {}, snapshotHeaders);
}

const ofKnown = (call: TfeCall, view: StateView): Resource => toStateVersion(view, urlsOf(call, view));

function uploadUrls({ urls, origin, who }: TfeCall, id: StateVersionId) {
  const of = (kind: "state" | "json-state") => urls.urlOf(origin, { kind, method: "PUT", id, keyId: who.id });
  return { "hosted-state-upload-url": of("state"), "hosted-json-state-upload-url": of("json-state") };
}

/** The bytes of a state version. */
export const stateObject: ObjectAccess = {
  read: (call) => bytesOf(call, call.id),
  write: async (call) => {
    const { maxStateBytes: maxBytes } = call.control.limits;
    const pieces = call.transfers.upload(call, { what: "state", maxBytes, of: sharerOf(call) });
    await takeAnnouncedState(call.control, call.who, { id: call.id, pieces });
    return { kind: "empty", status: 200 };
  },
};

/** Its form for programs. */
export const jsonStateObject: ObjectAccess = {
  read: async (call) => {
    const pieces = downloadJsonState(call.control, call.who, call.id);
    const bytes = await call.transfers.download(pieces, { of: sharerOf(call), signal: call.signal });
    return { kind: "bytes", status: 200, type: "application/json", bytes };
  },
  write: async (call) => {
    const maxBytes = maxJsonStateBytes(call.control);
    const pieces = call.transfers.upload(call, {
      what: "form of the state for programs",
      maxBytes,
      of: sharerOf(call),
    });
    await takeJsonState(call.control, call.who, { id: call.id, pieces });
    return { kind: "empty", status: 200 };
  },
};

export const stateUploadRoutes = [route("POST /workspaces/:workspace/state-versions", create)];
