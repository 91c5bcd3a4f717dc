import { create } from "@bufbuild/protobuf";
import {
  type Output,
  OutputSchema,
  StateStatus,
  type StateVersion,
  StateVersionSchema,
} from "../../gen/windlass/v1/state_pb.ts";
import {
  GetOutputsResponseSchema,
  ListStateVersionsResponseSchema,
  StateService,
} from "../../gen/windlass/v1/state_service_pb.ts";
import { readJson } from "../../lib/json/json.ts";
import { writeJson } from "../../lib/json/text.ts";
import { escapedJson } from "../../lib/text/clean-text.ts";
import { text, toggle } from "../line/flags.ts";
import { CliError } from "../problems/problem.ts";
import { didYouMean } from "../problems/suggest.ts";
import type { Context } from "../server/context.ts";
import { type Command, command, maybe, one } from "../shared/command.ts";
import { saveBytes } from "../shared/downloads.ts";
import { everyPage, everyRow, fetchRows, listFlags, type PageRange } from "../shared/lists.ts";
import { isTooLong, outputLines } from "../shared/outputs.ts";
import { ageText, bytesText, timeText } from "../terminal/ages.ts";
import { type Column, detailLines } from "../terminal/table.ts";
import { enumText } from "../terminal/words.ts";
import { push, rollback } from "./change.ts";
import { diff, resources } from "./contents.ts";
import { adopt, drop } from "./quarantine.ts";
import { stateOf, stateTarget, versionOf } from "./target.ts";

const workspace = one("WS", "name or id of the workspace");
const nameOf = ({ id }: StateVersion): string => `state/${id}`;

/** `7`, or why nobody knows. */
const resourcesText = ({ resourceCount, unreadReason }: StateVersion): string =>
  unreadReason === "" ? String(resourceCount) : `not read: ${unreadReason}`;

/** The same in a word. */
function shortText(state: StateVersion): string {
  if (state.unreadReason === "") return resourcesText(state);
  return state.unreadReason.includes("encrypted") ? "encrypted" : "not read";
}

export const stateColumns: readonly Column<StateVersion>[] = [
  { name: "ID", value: ({ id }) => id },
  { name: "SERIAL", value: ({ serial }) => String(serial) },
  { name: "STATUS", isStatus: true, value: ({ status }) => enumText(StateStatus, status) },
  { name: "RESOURCES", drop: 2, value: (state) => shortText(state) },
  { name: "SIZE", drop: 1, value: ({ sizeBytes }) => bytesText(sizeBytes) },
  { name: "FROM", drop: 3, value: ({ runId, createdBy }) => runId || createdBy },
  { name: "AGE", value: ({ createTime }, now) => ageText(createTime, now) },
  { name: "LINEAGE", isWide: true, value: ({ lineage }) => lineage },
  { name: "WRITTEN BY", isWide: true, value: ({ terraformVersion }) => terraformVersion },
  { name: "WHY NOT READ", isWide: true, value: ({ unreadReason }) => unreadReason },
  { name: "WHY QUARANTINED", isWide: true, value: ({ quarantineReason }) => quarantineReason },
];

const list = command({
  name: "list",
  summary: "List the states of a workspace, newest first",
  examples: ["windlass state list network", "windlass state list network --quarantined"],
  positionals: { workspace },
  flags: { quarantined: toggle("only those kept aside"), ...listFlags(stateColumns) },
  run: async (context, { args, flags }) => {
    const client = await context.client(StateService);
    const scope = { organization: await context.organization(), ...args, quarantined: flags.quarantined === true };
    const { rows: stateVersions, nextPageToken } = await fetchRows(
      context,
      { ...flags, isHistory: true },
      async (page) => {
        const answer = await client.listStateVersions({ ...scope, ...page });
        return { rows: answer.stateVersions, nextPageToken: answer.nextPageToken };
      },
    );
    const message = create(ListStateVersionsResponseSchema, { stateVersions, nextPageToken });
    const shown = { schema: ListStateVersionsResponseSchema, message, item: StateVersionSchema };
    await context.printer.list({ ...shown, rows: stateVersions, name: nameOf, columns: stateColumns }, flags);
    return undefined;
  },
});

const get = command({
  name: "get",
  summary: "Show a state version",
  examples: ["windlass state get network", "windlass state get network 41", "windlass state get sv_…"],
  positionals: { target: stateTarget, version: versionOf },
  run: async (context, { args }) => {
    const client = await context.client(StateService);
    const { stateVersion } = await client.getStateVersion(await stateOf(context, args.target, args.version));
    const message = stateVersion ?? create(StateVersionSchema);
    await context.printer.resource({
      schema: StateVersionSchema,
      message,
      name: nameOf(message),
      lines: detailLines([
        ["Id", message.id],
        ["Workspace", message.workspace],
        ["Serial", String(message.serial)],
        ["Lineage", message.lineage],
        ["Status", enumText(StateStatus, message.status)],
        ["Why quarantined", message.quarantineReason],
        ["Run", message.runId],
        ["Pushed by", message.createdBy],
        ["Repeats", message.rollbackOf],
        ["Resources", resourcesText(message)],
        ["Size", bytesText(message.sizeBytes)],
        ["SHA-256", message.sha256],
        ["Written by", message.terraformVersion],
        ["Stored", timeText(message.createTime)],
      ]),
    });
    return undefined;
  },
});

const pull = command({
  name: "pull",
  summary: "Download a state as it was written; it may hold secrets",
  examples: [
    "windlass state pull network > network.tfstate",
    "windlass state pull network 41 --file old.tfstate",
    "windlass state pull network | jq .outputs",
  ],
  positionals: { target: stateTarget, version: versionOf },
  flags: { file: text("write to this file (0600) instead of stdout", { short: "f", placeholder: "FILE" }) },
  formats: [],
  run: async (context, { args, flags }) => {
    const client = await context.client(StateService);
    const wanted = await stateOf(context, args.target, args.version);
    const begin = () => client.downloadState(wanted);
    if (flags.file !== undefined) await saveBytes(context, begin, flags.file);
    else for await (const { chunk } of begin()) await context.printer.exact(chunk);
    return undefined;
  },
});

const outputs = command({
  name: "outputs",
  summary: "Print the outputs of a state; sensitive ones are left out",
  examples: [
    "windlass state outputs network",
    "windlass state outputs network vpc_id",
    "windlass state outputs network@41 -o json",
  ],
  positionals: { target: stateTarget, name: maybe("NAME", "print only this one; text without its quotes") },
  formats: ["table", "wide", "json", "jsonl", "yaml"],
  run: async (context, { args }) => {
    const client = await context.client(StateService);
    const scope = await stateOf(context, args.target);
    const fetch = (page: PageRange) => client.getOutputs({ ...scope, ...page });
    if (args.name !== undefined) {
      const all = await everyRow(fetch, ({ outputs: some }) => some);
      await printOne(context, outputNamed(context, all, { name: args.name, target: args.target }));
    } else if (context.printer.isForPeople) {
      for await (const page of everyPage(fetch)) await context.printer.lines(outputLines(page.outputs));
    } else await printOutputs(context, await everyRow(fetch, ({ outputs: some }) => some));
    return undefined;
  },
});

function printOutputs({ printer }: Context, rows: Output[]): Promise<void> {
  const message = create(GetOutputsResponseSchema, { outputs: rows });
  const shown = { schema: GetOutputsResponseSchema, message, item: OutputSchema, columns: [] };
  return printer.list({ ...shown, rows, name: ({ name }) => `output/${name}` }, { columns: [], noHeaders: false });
}

interface WantedOutput {
  readonly name: string;
  /** The state, as it was asked for. */
  readonly target: string;
}

function outputNamed(context: Context, all: readonly Output[], { name, target }: WantedOutput): Output {
  const found = all.find((one) => one.name === name);
  if (found === undefined) {
    const names = all.map((one) => one.name);
    throw new CliError("notFound", `there is no output "${name}".${didYouMean(name, names)}`);
  }
  if (found.sensitive) {
    const hints = [{ label: "It is in the state", command: context.command(`state pull ${target}`) }];
    throw new CliError("notAllowed", `output "${name}" is sensitive and is not shown`, { hints });
  }
  if (isTooLong(found)) {
    const hints = [{ label: "It is in the state", command: context.command(`state pull ${target}`) }];
    throw new CliError("failed", `output "${name}" has ${found.valueBytes} bytes, too many to be shown`, { hints });
  }
  return found;
}

async function printOne({ printer }: Context, output: Output): Promise<void> {
  if (!printer.isForPeople) return printer.event(OutputSchema, output);
  const value = readJson(output.valueJson);
  return printer.exact(`${typeof value === "string" ? value : escapedJson(writeJson(value, 2))}\n`);
}

/** Every verb of `windlass state`. */
export const stateCommands: readonly Command[] = [
  list,
  get,
  pull,
  push,
  outputs,
  resources,
  diff,
  rollback,
  adopt,
  drop,
];
