import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { invalid } from "../../control/core/refusals.ts";
import { ownerOf, type ReadUploaded, withUploaded } from "../../control/core/uploads.ts";
import {
  downloadConfiguration,
  getConfiguration,
  listConfigurations,
  uploadConfiguration,
} from "../../control/workspaces/configurations.ts";
import { ConfigurationVersionSchema } from "../../gen/windlass/v1/configuration_pb.ts";
import type {
  ConfigurationService,
  UploadConfigurationHeader,
  UploadConfigurationRequest,
} from "../../gen/windlass/v1/configuration_service_pb.ts";
import { endedLater } from "../../lib/async/streams.ts";
import { callerOf } from "../calls/caller.ts";
import { toConfiguration } from "../mapping/configuration.ts";
import { fromPage, toPage } from "../mapping/page.ts";
import { fromReference } from "../mapping/reference.ts";
import { Transfers } from "../streams/transfers.ts";

/** Stores configurations. */
export const configurationService = (
  control: Control,
  transfers = new Transfers(control, "rate_limited"),
): ServiceImpl<typeof ConfigurationService> => ({
  uploadConfiguration: async (requests, context) => {
    const iterator = requests[Symbol.asyncIterator]();
    using _reading = endedLater(iterator);
    const header = await readHeader(iterator);
    const { sizeBytes, sha256, inParts } = header;
    const object = { bytes: Number(sizeBytes), sha256 };
    const workspace = fromReference(header);
    const who = callerOf(context);
    const store = (read: ReadUploaded) => {
      const chunks = inParts ? read({ ...object, what: "configuration" }) : chunksOf(iterator);
      return uploadConfiguration(control, who, { workspace, ...object, chunks });
    };
    return { configurationVersion: toConfiguration(await withUploaded(control, ownerOf(who), store)) };
  },
  getConfiguration: async ({ configurationVersionId }, context) => ({
    configurationVersion: toConfiguration(await getConfiguration(control, callerOf(context), configurationVersionId)),
  }),
  listConfigurations: async (request, context) => {
    const wanted = { workspace: fromReference(request), page: fromPage(request) };
    const page = await listConfigurations(control, callerOf(context), wanted);
    const { messages, nextPageToken } = toPage(page, ConfigurationVersionSchema, toConfiguration);
    return { configurationVersions: messages, nextPageToken };
  },
  downloadConfiguration: ({ configurationVersionId }, context) =>
    transfers.download(context, downloadConfiguration(control, callerOf(context), configurationVersionId)),
});

type Requests = AsyncIterator<UploadConfigurationRequest>;

async function readHeader(requests: Requests): Promise<UploadConfigurationHeader> {
  const first = await requests.next();
  if (first.done !== true && first.value.part.case === "header") return first.value.part.value;
  throw invalid("header", "expected the header as the first message of the upload");
}

async function* chunksOf(requests: Requests): AsyncGenerator<Uint8Array, void> {
  for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
    const { part } = next.value;
    if (part.case !== "chunk") throw invalid("header", "expected only one header, then chunks");
    yield part.value;
  }
}
