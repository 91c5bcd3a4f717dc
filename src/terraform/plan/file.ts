import { constants } from "node:fs";
import { type FileHandle, open, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { inflateRaw } from "node:zlib";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { parse } from "semver";
import { WindlassError } from "../../lib/words/errors.ts";

const inflate = promisify(inflateRaw);

const maxPlanBytes = 512 * 1024 * 1024;
const maxMemberBytes = 64 * 1024 * 1024;
const maxDirectoryBytes = 16 * 1024 * 1024;

/** Signatures and fixed sizes of PKZIP's APPNOTE. */
const endMark = 0x06054b50;
const endBytes = 22;
const directoryMark = 0x02014b50;
const directoryEntryBytes = 46;
const localMark = 0x04034b50;
const localHeaderBytes = 30;

interface Member {
  readonly name: string;
  readonly method: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly offset: number;
}

/**
 * One member of a saved plan (a zip: `tfplan`, `tfstate`, `tfconfig/…`, `.terraform.lock.hcl`), or undefined when it
 * has none of that name. The file is the job's: links, other kinds of files and impossible sizes throw `validation`.
 */
export async function extractFromPlan(planFile: string, name: string): Promise<Buffer | undefined> {
  return (await extractAllFromPlan(planFile, [name])).get(name);
}

/** The same of several members: those that it has, by their names. */
export async function extractAllFromPlan(
  planFile: string,
  names: readonly string[],
): Promise<ReadonlyMap<string, Buffer>> {
  await using file = await openPlan(planFile);
  const { size } = await file.stat();
  const members = (await readDirectory(file, size)).filter(({ name }) => names.includes(name));
  const found = new Map<string, Buffer>();
  for (const member of members) if (!found.has(member.name)) found.set(member.name, await readMember(file, member));
  return found;
}

/** True for a plan that OpenTofu has encrypted: a JSON document, of which only tofu can read what is in it. */
export async function isEncryptedPlan(planFile: string): Promise<boolean> {
  await using file = await openPlan(planFile);
  const start = Buffer.alloc(1);
  await file.read(start, 0, 1, 0);
  return start.toString() === "{";
}

/** Writes the lock file that the plan was made with to `into`; false when it names no provider, or nobody can read it. */
export async function extractLockFile(planFile: string, into: string): Promise<boolean> {
  if (await isEncryptedPlan(planFile)) return false;
  const lock = await extractFromPlan(planFile, ".terraform.lock.hcl");
  if (lock === undefined || !/^\s*provider\s/m.test(lock.toString())) return false;
  await writeFile(into, lock);
  return true;
}

/**
 * Fields of the message in `tfplan`, and of its `backend`. Source: terraform's planproto/planfile.proto; OpenTofu kept
 * them.
 */
const backendField = 13;
const versionField = 14;
const workspaceField = 3;

/** What a saved plan says of how it was made; undefined where it does not. */
export interface PlanOrigin {
  /** The exact version of the program: no other one applies the plan. */
  readonly engineVersion?: string | undefined;
  /** What `terraform.workspace` was. */
  readonly workspace?: string | undefined;
}

/** Reads how a plan was made. The program itself says best what is wrong with a plan. */
export async function planOrigin(planFile: string): Promise<PlanOrigin> {
  try {
    const fields = textFields((await extractFromPlan(planFile, "tfplan")) ?? new Uint8Array());
    const backend = fields.get(backendField);
    return {
      engineVersion: parse(text(fields.get(versionField)))?.version,
      workspace: backend === undefined ? undefined : text(textFields(backend).get(workspaceField)),
    };
  } catch {
    return {};
  }
}

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString();

/** The last of each field that has a length. */
function textFields(message: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const reader = new BinaryReader(message);
  const found = new Map<number, Uint8Array>();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === WireType.LengthDelimited) found.set(field, reader.bytes());
    else reader.skip(type, field);
  }
  return found;
}

async function openPlan(planFile: string): Promise<FileHandle> {
  const file = await open(planFile, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch((cause) => {
    throw new WindlassError("validation", `the plan file cannot be read (${cause.code ?? cause})`, { cause });
  });
  const found = await file.stat();
  if (found.isFile() && found.size <= maxPlanBytes) return file;
  await file.close();
  throw broken("is no regular file of at most 512 MiB");
}

const broken = (why: string): WindlassError => new WindlassError("validation", `the plan file ${why}: plan again`);

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  if (position < 0 || length < 0 || length > maxMemberBytes) throw broken("is damaged");
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead < length) throw broken("is cut short");
  return buffer;
}

async function readDirectory(file: FileHandle, size: number): Promise<readonly Member[]> {
  const tailBytes = Math.min(size, endBytes + 0xffff);
  const tail = await readAt(file, size - tailBytes, tailBytes);
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(endMark);
  const at = tail.lastIndexOf(mark);
  if (at < 0 || tail.length - at < endBytes) throw broken("is not a zip file");
  const bytes = tail.readUInt32LE(at + 12);
  if (bytes > maxDirectoryBytes) throw broken("has too large a directory");
  return parseDirectory(await readAt(file, tail.readUInt32LE(at + 16), bytes));
}

function parseDirectory(bytes: Buffer): readonly Member[] {
  const members: Member[] = [];
  let at = 0;
  while (at + directoryEntryBytes <= bytes.length && bytes.readUInt32LE(at) === directoryMark) {
    const nameBytes = bytes.readUInt16LE(at + 28);
    members.push({
      method: bytes.readUInt16LE(at + 10),
      packedBytes: bytes.readUInt32LE(at + 20),
      bytes: bytes.readUInt32LE(at + 24),
      offset: bytes.readUInt32LE(at + 42),
      name: bytes.toString("utf8", at + directoryEntryBytes, at + directoryEntryBytes + nameBytes),
    });
    at += directoryEntryBytes + nameBytes + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
  }
  return members;
}

async function readMember(file: FileHandle, { method, packedBytes, bytes, offset }: Member): Promise<Buffer> {
  if (bytes > maxMemberBytes) throw broken(`holds a member of ${bytes} bytes`);
  const header = await readAt(file, offset, localHeaderBytes);
  if (header.readUInt32LE(0) !== localMark) throw broken("is damaged");
  const start = offset + localHeaderBytes + header.readUInt16LE(26) + header.readUInt16LE(28);
  const packed = await readAt(file, start, packedBytes);
  const content = method === 0 ? packed : method === 8 ? await unpack(packed) : undefined;
  if (content === undefined || content.length !== bytes) throw broken("is damaged");
  return content;
}

const unpack = (packed: Buffer): Promise<Buffer> =>
  inflate(packed, { maxOutputLength: maxMemberBytes }).catch((cause) => {
    throw new WindlassError("validation", "the plan file is damaged: plan again", { cause });
  });
