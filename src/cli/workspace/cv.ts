import { create } from "@bufbuild/protobuf";
import {
  ConfigurationStatus,
  type ConfigurationVersion,
  ConfigurationVersionSchema,
} from "../../gen/windlass/v1/configuration_pb.ts";
import {
  ConfigurationService,
  ListConfigurationsResponseSchema,
} from "../../gen/windlass/v1/configuration_service_pb.ts";
import { neededText, text } from "../line/flags.ts";
import { answerChanged } from "../shared/answers.ts";
import { type Command, command, maybe, one } from "../shared/command.ts";
import { saveBytes } from "../shared/downloads.ts";
import { fetchRows, listFlags } from "../shared/lists.ts";
import { uploadDirectory } from "../shared/upload.ts";
import { ageText, bytesText, timeText } from "../terminal/ages.ts";
import { type Column, detailLines } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";

const workspace = neededText("the workspace", { short: "w", placeholder: "WS" });
const cv = one("CV", "its id");
const nameOf = ({ id }: ConfigurationVersion): string => `cv/${id}`;

/** Without an archive there is nothing to count. */
const filesText = ({ sha256, fileCount }: ConfigurationVersion): string => (sha256 === "" ? "" : String(fileCount));
const sizeText = ({ sha256, sizeBytes }: ConfigurationVersion): string => (sha256 === "" ? "" : bytesText(sizeBytes));

/** What its runs are, where that is not what most are. */
const useText = ({ speculative, provisional }: ConfigurationVersion): string =>
  [speculative ? "plan only" : "", provisional ? "provisional" : ""].filter((part) => part !== "").join(", ");

export const configurationColumns: readonly Column<ConfigurationVersion>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "STATUS", drop: 4, value: ({ status }) => enumText(ConfigurationStatus, status) },
  { name: "FILES", drop: 1, value: filesText },
  { name: "SIZE", drop: 3, value: sizeText },
  { name: "USE", isWide: true, value: useText },
  { name: "CREATED BY", drop: 2, value: ({ createdBy }) => createdBy },
  { name: "AGE", value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "SHA256", isWide: true, value: ({ sha256 }) => sha256 },
];

const uploadSpec = {
  summary: "Upload a directory of Terraform or OpenTofu files, without starting a run",
  positionals: { directory: maybe("DIR", "the directory; else the current one") },
  flags: { workspace },
};

const uploadCommand = (name: string, example: string): Command =>
  command({
    ...uploadSpec,
    name,
    examples: [example],
    run: async (context, { args, flags }) => {
      const message = await uploadDirectory(context, flags.workspace, args.directory ?? ".");
      const changed = { schema: ConfigurationVersionSchema, message, name: nameOf(message) };
      return answerChanged(context, { ...changed, done: `Uploaded ${message.id}` }, [
        { label: "Plan it", command: context.command(`run start ${flags.workspace} --cv ${message.id}`) },
      ]);
    },
  });

/** `windlass upload`, short for `windlass cv upload`. */
export const upload: Command = uploadCommand("upload", "windlass upload ./infra -w network");

const list = command({
  name: "list",
  summary: "List the configuration versions of a workspace, newest first",
  examples: ["windlass cv list -w network"],
  flags: { workspace, ...listFlags(configurationColumns) },
  run: async (context, { flags }) => {
    const client = await context.client(ConfigurationService);
    const scope = { organization: await context.organization(), workspace: flags.workspace };
    const { rows, nextPageToken } = await fetchRows(context, { ...flags, isHistory: true }, async (page) => {
      const answer = await client.listConfigurations({ ...scope, ...page });
      return { rows: answer.configurationVersions, nextPageToken: answer.nextPageToken };
    });
    const message = create(ListConfigurationsResponseSchema, { configurationVersions: rows, nextPageToken });
    const shown = { schema: ListConfigurationsResponseSchema, message, item: ConfigurationVersionSchema };
    await context.printer.list({ ...shown, rows, name: nameOf, columns: configurationColumns }, flags);
    return undefined;
  },
});

const get = command({
  name: "get",
  summary: "Show a configuration version",
  examples: ["windlass cv get cv_…"],
  positionals: { cv },
  run: async (context, { args }) => {
    const client = await context.client(ConfigurationService);
    const { configurationVersion } = await client.getConfiguration({ configurationVersionId: args.cv });
    const message = configurationVersion ?? create(ConfigurationVersionSchema);
    await context.printer.resource({
      schema: ConfigurationVersionSchema,
      message,
      name: nameOf(message),
      lines: detailLines([
        ["Id", message.id],
        ["Workspace", message.workspace],
        ["Status", enumText(ConfigurationStatus, message.status)],
        ["Error", message.errorMessage],
        ["Use", useText(message)],
        ["Files", filesText(message)],
        ["Size", sizeText(message)],
        ["SHA-256", message.sha256],
        ["Created by", message.createdBy],
        ["Created", timeText(message.createTime)],
        ["Uploaded", timeText(message.uploadTime)],
      ]),
    });
    return undefined;
  },
});

const download = command({
  name: "download",
  summary: "Download the archive (tar, gzip) as it was uploaded",
  examples: ["windlass cv download cv_… --file network.tar.gz", "windlass cv download cv_… | tar -tz"],
  positionals: { cv },
  flags: { file: text("write to this file instead of stdout", { short: "f", placeholder: "FILE" }) },
  formats: [],
  run: async (context, { args, flags }) => {
    const client = await context.client(ConfigurationService);
    await saveBytes(context, () => client.downloadConfiguration({ configurationVersionId: args.cv }), flags.file);
    return undefined;
  },
});

/** Every verb of `windlass cv`. */
export const cvCommands: readonly Command[] = [
  uploadCommand("upload", "windlass cv upload ./infra -w network"),
  list,
  get,
  download,
];
