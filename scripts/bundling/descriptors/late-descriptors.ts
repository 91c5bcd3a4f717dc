import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { type FileDescriptorProto, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Plugin } from "rolldown";
import { requirePattern } from "../sources.ts";
import { lightFile } from "./light-files.ts";

const rulesFile = "buf/validate/validate.proto";
const rulesImport = /^import \{ file_buf_validate_validate \} from "[^"]+";$/m;
const rulesName = /\bfile_buf_validate_validate(?:, )?/;
const described = /\bfileDesc\("([^"]+)"(?:, \[([^\]]*)\])?\)/;
/** Describes FileDescriptorProto itself: it is loaded by who asks for whole files. */
const descriptorName = "file_google_protobuf_descriptor";
const descriptorImport = new RegExp(`(import \\{[^}]*)\\b${descriptorName}, `);
/** In protobuf-es: a registry asks the whole file what it is called. */
const registry = /@bufbuild\/protobuf\/dist\/esm\/registry\.js$/;
const wholeName = "files.set(file.proto.name, file)";
const ownFiles = /\/scripts\/bundling\/descriptors\/late-files\.ts$/;

/**
 * Makes the generated descriptions of messages late ones. Without rules, protovalidate's are taken out: only the server goes by
 * them, and the file that describes the rules themselves is the largest of all.
 */
export const lateDescriptors = ({ hasRules }: { readonly hasRules: boolean }): Plugin => ({
  name: "late descriptors",
  resolveId: {
    filter: { id: /\?late$/ },
    handler: (id) => id,
  },
  load: {
    filter: { id: /\?late$/ },
    async handler() {
      const text = await readFile(descriptorFile, "utf8");
      const placed = (_: string, path: string) => `from ${JSON.stringify(resolve(descriptorFile, "..", path))}`;
      return text.replace(/\bfrom "(\.[^"]+)"/g, placed);
    },
  },
  transform: {
    filter: { id: [/_pb\.(ts|js)$/, ownFiles, registry] },
    handler(text, path) {
      if (ownFiles.test(path)) {
        const code = text.replace(requirePattern, "").replace('require("@bufbuild/protobuf/wkt")', requiredFile);
        return { code, map: null };
      }
      if (registry.test(path)) {
        if (!text.includes(wholeName)) throw new Error("protobuf-es has changed: see late-descriptors.ts");
        return { code: text.replace(wholeName, 'files.set(file.name + ".proto", file)'), map: null };
      }
      const isOwn = path.includes("/src/gen/windlass/");
      const [call, encoded, imports = ""] = described.exec(text) ?? [];
      if (call === undefined || encoded === undefined) {
        if (isOwn) throw new Error(`${path} describes no file: see late-descriptors.ts`);
        return null;
      }
      const whole = fromBinary(FileDescriptorProtoSchema, base64Decode(encoded));
      const file = hasRules || !isOwn ? whole : withoutRules(whole);
      const light = lightFile(file);
      if (light === undefined) {
        if (isOwn) throw new Error(`${path} has what late descriptions do not know: see light-files.ts`);
        return null;
      }
      const kept = file === whole ? encoded : base64Encode(toBinary(FileDescriptorProtoSchema, file), "std_raw");
      const args = [
        JSON.stringify(JSON.stringify(light)),
        `"${kept}"`,
        `() => [${importsOf(imports, file === whole)}]`,
      ];
      const late = text.replace(call, () => `lateFileDesc(${args.join(", ")})`).replace(descriptorImport, "$1");
      const code = file === whole ? late : late.replace(rulesImport, "");
      if (file !== whole && code.includes("file_buf_validate_validate"))
        throw new Error(`${path} needs the rules: see late-descriptors.ts`);
      return { code: `import { lateFileDesc } from ${JSON.stringify(lateFiles)};\n${code}`, map: null };
    },
  },
});

const root = resolve(import.meta.dirname, "../../..");
const lateFiles = join(import.meta.dirname, "late-files.ts");
/** Describes FileDescriptorProto itself. A copy: parts of the file are in programs from the start. */
const descriptorFile = resolve(root, "node_modules/@bufbuild/protobuf/dist/esm/wkt/google/protobuf/descriptor_pb.js");
const lateCopy = `${descriptorFile}?late`;
const requiredFile = `require(${JSON.stringify(lateCopy)})`;

function importsOf(names: string, hasRules: boolean): string {
  const kept = hasRules ? names : names.replace(rulesName, "");
  return kept.replace(descriptorName, `${requiredFile}.${descriptorName}`);
}

/** Rules are options that descriptions do not know themselves. */
function withoutRules(file: FileDescriptorProto): FileDescriptorProto {
  forgetUnknown(file);
  return { ...file, dependency: file.dependency.filter((name) => name !== rulesFile) };
}

function forgetUnknown(value: unknown): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if ("$unknown" in value) delete value.$unknown;
  for (const inner of Object.values(value)) forgetUnknown(inner);
}
