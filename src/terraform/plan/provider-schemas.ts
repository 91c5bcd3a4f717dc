import { readJson } from "../../lib/json/json.ts";

/** What of a provider's schema is needed: the types of its objects, by the list of schemas that has them. */
export interface WantedTypes {
  readonly resource_schemas: ReadonlySet<string>;
  readonly data_source_schemas: ReadonlySet<string>;
  readonly ephemeral_resource_schemas: ReadonlySet<string>;
}

/** Schemas of some types of some providers, as JSON text. */
export interface PickedSchemas {
  readonly formatVersion: string;
  readonly providers: string;
}

interface Member {
  readonly key: string;
  /** Where its value begins and ends. */
  readonly from: number;
  readonly to: number;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openObject, closeObject, openList, closeList] = [0x7b, 0x7d, 0x5b, 0x5d];

/**
 * Takes the schemas that a plan needs out of what `providers schema -json` printed, which may have hundreds of megabytes:
 * nothing of it is built, what is taken is copied as it stands. Throws `TypeError` for what is no such document.
 */
export function pickSchemas(output: Uint8Array, wanted: ReadonlyMap<string, WantedTypes>): PickedSchemas {
  const bytes = Buffer.from(output.buffer, output.byteOffset, output.length);
  // Warnings about the machine's configuration may stand before it.
  const start = bytes[0] === openObject ? 0 : bytes.indexOf("\n{") + 1;
  const root = new Map([...membersOf(bytes, start)].map((member) => [member.key, member]));
  const [version, schemas] = [root.get("format_version"), root.get("provider_schemas")];
  const providers: string[] = [];
  for (const provider of schemas === undefined ? [] : membersOf(bytes, schemas.from)) {
    const types = wanted.get(provider.key);
    if (types !== undefined)
      providers.push(`${JSON.stringify(provider.key)}:${pickedProvider(bytes, provider, types)}`);
  }
  return {
    formatVersion: version === undefined ? '""' : textAt(bytes, version),
    providers: `{${providers.join(",")}}`,
  };
}

function pickedProvider(bytes: Buffer, provider: Member, types: WantedTypes): string {
  const lists = [...membersOf(bytes, provider.from)].flatMap((list) => {
    if (!isList(list.key)) return [];
    const { [list.key]: names } = types;
    const picked = [...membersOf(bytes, list.from)]
      .filter(({ key }) => names.has(key))
      .map((member) => `${JSON.stringify(member.key)}:${textAt(bytes, member)}`);
    return [`${JSON.stringify(list.key)}:{${picked.join(",")}}`];
  });
  return `{${lists.join(",")}}`;
}

const isList = (key: string): key is keyof WantedTypes =>
  key === "resource_schemas" || key === "data_source_schemas" || key === "ephemeral_resource_schemas";

const textAt = (bytes: Buffer, { from, to }: Member): string => bytes.toString("utf8", from, to);

/** The members of the object that begins there. */
function* membersOf(bytes: Buffer, start: number): Generator<Member> {
  let at = start;
  expect(bytes, at, openObject);
  at = skipSpace(bytes, at + 1);
  while (bytes[at] !== closeObject) {
    const keyEnd = endOfString(bytes, at);
    const key = readJson(bytes.toString("utf8", at, keyEnd));
    at = skipSpace(bytes, keyEnd);
    expect(bytes, at, colon);
    const from = skipSpace(bytes, at + 1);
    const to = endOfValue(bytes, from);
    yield { key: String(key), from, to };
    at = skipSpace(bytes, to);
    if (bytes[at] === comma) at = skipSpace(bytes, at + 1);
    else expect(bytes, at, closeObject);
  }
}

function endOfValue(bytes: Buffer, from: number): number {
  let depth = 0;
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at];
    if (byte === quote) {
      at = endOfString(bytes, at);
      if (depth === 0) return at;
      continue;
    }
    if (byte === openObject || byte === openList) depth += 1;
    else if (byte === closeObject || byte === closeList) depth -= 1;
    // The end of what is around it: a number or a word ended before.
    if (depth < 0 || (depth === 0 && byte === comma)) return at;
    at += 1;
    if (depth === 0 && (byte === closeObject || byte === closeList)) return at;
  }
  throw cutOff();
}

function endOfString(bytes: Buffer, from: number): number {
  expect(bytes, from, quote);
  for (let at = bytes.indexOf(quote, from + 1); at >= 0; at = bytes.indexOf(quote, at + 1)) {
    let before = at;
    while (bytes[before - 1] === backslash) before -= 1;
    if ((at - before) % 2 === 0) return at + 1;
  }
  throw cutOff();
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while ((bytes[at] ?? 0x21) <= 0x20) at += 1;
  return at;
}

function expect(bytes: Buffer, at: number, byte: number): void {
  if (bytes[at] !== byte) throw new TypeError(`the schemas of the providers are no such document at byte ${at}`);
}

const cutOff = (): TypeError => new TypeError("the schemas of the providers are cut off");
