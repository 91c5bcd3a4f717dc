// Writes the reference of the API from proto/: one page for each package, to the directory that is given.
// Use: node scripts/api-reference.ts DIR

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  getOption,
  hasOption,
  ScalarType,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { execaSync } from "execa";
import { field as ruleOf } from "../src/gen/buf/validate/validate_pb.ts";
import { ruleWords } from "./rule-words.ts";

const root = resolve(import.meta.dirname, "..");

/** Pages by their names, in the order of the files. */
const pages = [
  { name: "windlass.v1", title: "windlass.v1: for people, CI and user interfaces" },
  { name: "windlass.agent.v1", title: "windlass.agent.v1: for agents" },
];

function main([outDir]: readonly string[]): void {
  if (outDir === undefined) throw new Error("use: node scripts/api-reference.ts DIR");
  mkdirSync(outDir, { recursive: true });
  const files = compiledFiles();
  for (const { name, title } of pages) {
    const own = files.filter(({ proto }) => proto.package === name).toSorted((a, b) => a.name.localeCompare(b.name));
    writeFileSync(join(outDir, `${name}.md`), pageOf(title, own));
  }
}

function compiledFiles(): readonly DescFile[] {
  const args = ["build", "proto", "-o", "-#format=binpb"];
  const buf = join(root, "node_modules/.bin/buf");
  const { stdout } = execaSync(buf, args, { cwd: root, maxBuffer: 1 << 26, encoding: "buffer" });
  return [...createFileRegistry(fromBinary(FileDescriptorSetSchema, stdout)).files];
}

function pageOf(title: string, files: readonly DescFile[]): string {
  const services = files.flatMap((file) => file.services);
  const messages = files.flatMap((file) => file.messages.flatMap(withNested));
  const enums = files.flatMap((file) => [
    ...file.enums,
    ...file.messages.flatMap(withNested).flatMap((m) => m.nestedEnums),
  ]);
  const parts = [
    `# ${title}`,
    "Made from the comments and rules in `proto/` by `npm run generate`. How calls are authenticated, paged, retried and followed: [api.md](../api.md).",
    `Services: ${services.map((service) => linkTo(service)).join(", ")}.`,
    ...services.map(serviceText),
    "## Messages",
    ...byName(messages).map(messageText),
    "## Enums",
    ...byName(enums).map(enumText),
  ];
  return `${parts.join("\n\n")}\n`;
}

const withNested = (message: DescMessage): readonly DescMessage[] =>
  isMapEntry(message) ? [] : [message, ...message.nestedMessages.flatMap(withNested)];
const isMapEntry = ({ proto }: DescMessage): boolean => proto.options?.mapEntry === true;
const byName = <Desc extends Named>(all: readonly Desc[]): readonly Desc[] =>
  all.toSorted((a, b) => shortName(a).localeCompare(shortName(b)));

interface Named {
  readonly typeName: string;
  readonly file: DescFile;
}

const shortName = ({ typeName, file }: Named): string => typeName.slice(file.proto.package.length + 1);
const anchorOf = (desc: Named): string => shortName(desc).toLowerCase().replaceAll(".", "");
const linkTo = (desc: Named): string => `[${shortName(desc)}](#${anchorOf(desc)})`;

function serviceText(service: DescService): string {
  const place = [6, service.file.services.indexOf(service)];
  const rows = service.methods.map((method, at) => [
    `\`${method.name}\`${idempotencyMark(method)}`,
    `${streamed(method, "client")}${linkTo(method.input)}`,
    `${streamed(method, "server")}${linkTo(method.output)}`,
    commentAt(service.file, [...place, 2, at]),
  ]);
  return [
    `## ${shortName(service)}`,
    commentAt(service.file, place),
    table(["method", "takes", "answers", "what it does"], rows),
  ].join("\n\n");
}

/** A read: it may be repeated, and called with GET over Connect. */
const idempotencyMark = ({ idempotency }: DescMethod): string => (idempotency === 1 ? " (read)" : "");

function streamed({ methodKind }: DescMethod, side: "client" | "server"): string {
  const isStream = methodKind === "bidi_streaming" || methodKind === `${side}_streaming`;
  return isStream ? "stream of " : "";
}

function messageText(message: DescMessage): string {
  const place = placeOf(message);
  const rows = message.fields.map((field) => [
    `\`${field.name}\``,
    String(field.number),
    typeText(field),
    [
      commentAt(message.file, [...place, 2, message.proto.field.indexOf(field.proto)]),
      oneofText(field),
      rulesText(field),
    ]
      .filter((text) => text !== "")
      .join(" "),
  ]);
  const head = [`### ${shortName(message)}`, commentAt(message.file, place)];
  return [...head, ...(rows.length === 0 ? [] : [table(["field", "no.", "type", "meaning"], rows)])].join("\n\n");
}

function enumText(desc: DescEnum): string {
  const place =
    desc.parent === undefined
      ? [5, desc.file.enums.indexOf(desc)]
      : [...placeOf(desc.parent), 4, desc.parent.nestedEnums.indexOf(desc)];
  const rows = desc.values.map((value, at) => [
    `\`${value.name}\``,
    String(value.number),
    commentAt(desc.file, [...place, 2, at]),
  ]);
  return [`### ${shortName(desc)}`, commentAt(desc.file, place), table(["value", "no.", "meaning"], rows)].join("\n\n");
}

/** The message's path in its file's descriptor. */
const placeOf = (message: DescMessage): readonly number[] =>
  message.parent === undefined
    ? [4, message.file.proto.messageType.indexOf(message.proto)]
    : [...placeOf(message.parent), 3, message.parent.proto.nestedType.indexOf(message.proto)];

/** What stands before a declaration, in one line. */
function commentAt({ proto }: DescFile, path: readonly number[]): string {
  const wanted = path.join();
  const found = proto.sourceCodeInfo?.location.find((location) => location.path.join() === wanted);
  return (found?.leadingComments ?? "")
    .trim()
    .split(/\s*\n\s*/)
    .join(" ");
}

function typeText(field: DescField): string {
  if (field.fieldKind === "map") return `map of ${ScalarType[field.mapKey].toLowerCase()} to ${elementText(field)}`;
  return field.fieldKind === "list" ? `list of ${elementText(field)}` : elementText(field);
}

function elementText(field: DescField): string {
  const named = field.message ?? field.enum;
  if (named !== undefined)
    return named.typeName.startsWith("google.") ? `\`${named.typeName}\`` : foreignLink(field, named);
  return field.scalar === undefined ? "" : ScalarType[field.scalar].toLowerCase();
}

function foreignLink({ parent }: DescField, named: DescMessage | DescEnum): string {
  const isOwn = named.file.proto.package === parent.file.proto.package;
  return isOwn ? linkTo(named) : `[${named.typeName}](${named.file.proto.package}.md#${anchorOf(named)})`;
}

const oneofText = ({ oneof }: DescField): string => (oneof === undefined ? "" : `One of \`${oneof.name}\`.`);

function rulesText(field: DescField): string {
  const words = hasOption(field, ruleOf) ? ruleWords(getOption(field, ruleOf)) : "";
  return words === "" ? "" : `*${words}.*`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

main(process.argv.slice(2));
