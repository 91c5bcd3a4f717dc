import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  downloadConfiguration,
  getConfiguration,
  listConfigurations,
  uploadConfiguration,
} from "../control/configurations.ts";
import type { Control } from "../control/control.ts";
import { invalid } from "../control/invalid.ts";
import type { Principal } from "../domain/principal.ts";
import type {
  ConfigurationService,
  DownloadConfigurationResponseSchema,
  UploadConfigurationHeader,
  UploadConfigurationRequest,
} from "../gen/windlass/v1/configuration_service_pb.ts";
import { callerOf } from "./caller.ts";
import { toConfiguration } from "./mapping/configuration.ts";
import { pageOf } from "./mapping/page.ts";
import { workspaceReference } from "./mapping/reference.ts";

/** Stores configurations. */
export const configurationService = (control: Control): ServiceImpl<typeof ConfigurationService> => ({
  uploadConfiguration: async (requests, context) => {
    const iterator = requests[Symbol.asyncIterator]();
    const header = await readHeader(iterator);
    const { sizeBytes, sha256 } = header;
    const upload = {
      workspace: workspaceReference(header),
      bytes: Number(sizeBytes),
      sha256,
      chunks: chunksOf(iterator),
    };
    return { configurationVersion: toConfiguration(await uploadConfiguration(control, callerOf(context), upload)) };
  },
  getConfiguration: async ({ configurationVersionId }, context) => ({
    configurationVersion: toConfiguration(await getConfiguration(control, callerOf(context), configurationVersionId)),
  }),
  listConfigurations: async (request, context) => {
    const wanted = { workspace: workspaceReference(request), page: pageOf(request) };
    const { rows, nextToken } = await listConfigurations(control, callerOf(context), wanted);
    return { configurationVersions: rows.map(toConfiguration), nextPageToken: nextToken };
  },
  downloadConfiguration: ({ configurationVersionId }, context) =>
    download(control, callerOf(context), configurationVersionId),
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

async function* download(
  control: Control,
  who: Principal,
  id: string,
): AsyncGenerator<MessageInitShape<typeof DownloadConfigurationResponseSchema>> {
  for await (const chunk of downloadConfiguration(control, who, id)) yield { chunk };
}
