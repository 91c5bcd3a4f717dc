import * as z from "zod";
import { uploadAnnounced } from "../../control/runs/configuration-runs.ts";
import {
  downloadConfiguration,
  getConfiguration,
  sliceConfigurations,
} from "../../control/workspaces/configurations.ts";
import { announceConfiguration, archiveConfiguration } from "../../control/workspaces/pending-configurations.ts";
import { accepted, created, found, listed, type TfeAnswer } from "../core/answers.ts";
import { noRelationships, readResource } from "../core/body.ts";
import { idParam, route, sharerOf, type TfeCall, workspaceParam } from "../core/call.ts";
import type { ObjectAccess } from "../core/objects.ts";
import { includesOf, offsetOf, pageOf } from "../core/pages.ts";
import { toConfigurationVersion } from "../mapping/configuration-version.ts";

const flag = z.boolean().nullish();
const shape = {
  types: ["configuration-versions"],
  attributes: z.object({ "auto-queue-runs": flag, speculative: flag, provisional: flag }),
  relationships: noRelationships,
};

async function create(call: TfeCall): Promise<TfeAnswer> {
  const workspace = workspaceParam(call);
  const { attributes } = await readResource(call, shape);
  const { configuration } = await announceConfiguration(call.control, call.who, {
    workspace,
    queuesRun: attributes["auto-queue-runs"] ?? true,
    isSpeculative: attributes.speculative ?? false,
    isProvisional: attributes.provisional ?? false,
  });
  const document = toConfigurationVersion(configuration);
  const upload = { kind: "configuration", method: "PUT", id: configuration.id, keyId: call.who.id } as const;
  const url = call.urls.urlOf(call.origin, upload);
  return created({ ...document, attributes: { ...document.attributes, "upload-url": url } });
}

const known = ["ingress_attributes"] as const;

async function list(call: TfeCall): Promise<TfeAnswer> {
  includesOf(call, known);
  const page = pageOf(call);
  const slice = { workspace: workspaceParam(call), offset: offsetOf(page), limit: page.size };
  const { rows, total } = await sliceConfigurations(call.control, call.who, slice);
  return listed(rows.map(toConfigurationVersion), { ...page, total });
}

async function read(call: TfeCall): Promise<TfeAnswer> {
  includesOf(call, known);
  const { configuration } = await getConfiguration(call.control, call.who, configurationIn(call));
  return found(toConfigurationVersion(configuration));
}

async function download(call: TfeCall): Promise<TfeAnswer> {
  const pieces = downloadConfiguration(call.control, call.who, configurationIn(call));
  const bytes = await call.transfers.download(pieces, { of: sharerOf(call), signal: call.signal });
  return { kind: "bytes", status: 200, type: "application/octet-stream", bytes };
}

async function archive(call: TfeCall): Promise<TfeAnswer> {
  await archiveConfiguration(call.control, call.who, configurationIn(call));
  return accepted;
}

const configurationIn = (call: TfeCall) => idParam(call, "configuration", "cv");

/** The archive of a configuration: what is sent to `upload-url`. The answer comes when it was taken. */
export const configurationObject: ObjectAccess = {
  write: async (call) => {
    const { maxConfigurationBytes: maxBytes } = call.control.limits;
    const chunks = call.transfers.upload(call, { what: "configuration", maxBytes, of: sharerOf(call) });
    await uploadAnnounced(call.control, call.who, { id: call.id, chunks });
    return { kind: "empty", status: 200 };
  },
};

export const configurationVersionRoutes = [
  route("POST /workspaces/:workspace/configuration-versions", create),
  route("GET /workspaces/:workspace/configuration-versions", list),
  route("GET /configuration-versions/:configuration", read),
  route("GET /configuration-versions/:configuration/download", download),
  route("POST /configuration-versions/:configuration/actions/archive", archive),
];
