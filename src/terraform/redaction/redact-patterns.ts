/** Shorter values would blot out ordinary words. */
export const minCharacters = 6;
/** Encoded forms of longer values are looked for by this many of their first characters. */
const maxEncodedLength = 16 * 1024;
/** Of longer values the rarer forms are not looked for: each costs memory. */
const maxTwice = 256;
/** Columns after which PEM and `base64` wrap. */
const base64Columns = [64, 76];
/** Columns after which `xxd -p` wraps. */
const hexColumns = 60;
/** Bytes that `xxd` and `hexdump -C` show in a line. */
const dumpBytes = 16;
/** Longer values are looked for in dumps by their beginning: a dump takes more than three characters a byte. */
const maxDumped = 1024;

/** Every form in which a secret value may stand in a log. Trivial values and lines have none. */
export function patternsOf(value: string): readonly string[] {
  const trimmed = value.trim();
  if (trimmed.length < minCharacters) return [];
  const encoded = [
    ...jsonForms(trimmed),
    goQuoted(trimmed),
    hclQuoted(trimmed),
    trimmed.replaceAll("'", "'\\''"),
    encodeURIComponent(trimmed.toWellFormed()),
    encodeURIComponent(trimmed.toWellFormed()).replaceAll("%20", "+"),
    encodeURIComponent(trimmed.toWellFormed()).replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    ...base64Forms(value),
    ...(trimmed === value ? [] : base64Forms(trimmed)),
    ...hexForms(trimmed),
    ...(trimmed.length <= maxTwice ? rareForms(trimmed) : []),
  ].map((form) => form.slice(0, maxEncodedLength));
  const lines = trimmed.includes("\n") ? trimmed.split("\n").map((line) => line.trim()) : [];
  const patterns = [trimmed, ...encoded, ...wrappedForms(value), ...dumpForms(value), ...lines.filter(isTelling)];
  return [...new Set(patterns)].filter((pattern) => pattern.length >= minCharacters);
}

/** As JavaScript writes JSON strings, and as Go does (which escapes `<`, `>` and `&`). */
function jsonForms(value: string): readonly string[] {
  const plain = JSON.stringify(value).slice(1, -1);
  const go = plain.replaceAll(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return [plain, go, inAscii(plain), plain.replaceAll("/", "\\/"), JSON.stringify(plain).slice(1, -1)];
}

/** As Python and others write JSON, with nothing but ASCII. */
const inAscii = (json: string): string => json.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${hexOf(unit, 4)}`);

const hexOf = (char: string, digits: number): string => (char.codePointAt(0) ?? 0).toString(16).padStart(digits, "0");

const goEscapes: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  '"': '\\"',
  "\\": "\\\\",
};

/** As Go's %q: what is not printable is escaped. Source: strconv.Quote and unicode.IsPrint. */
const goQuoted = (value: string): string =>
  value.toWellFormed().replaceAll(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|["\\]/gu, (char) => {
    if (char < " " || char === "\x7f") return goEscapes[char] ?? `\\x${hexOf(char, 2)}`;
    return goEscapes[char] ?? (char.length > 1 ? `\\U${hexOf(char, 8)}` : `\\u${hexOf(char, 4)}`);
  });

/** As terraform quotes strings: JSON's escapes, and template marks doubled. */
const hclQuoted = (value: string): string =>
  JSON.stringify(value)
    .slice(1, -1)
    .replaceAll("${", () => "$${")
    .replaceAll("%{", () => "%%{");

/**
 * The characters of base64 that depend on the value alone, when 0, 1 or 2 other bytes stand before it in the encoded text;
 * in both alphabets.
 */
function base64Forms(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  return [0, 1, 2].flatMap((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    const certain = text.slice(Math.ceil((shift * 8) / 6), Math.floor(((shift + bytes.length) * 8) / 6));
    return [certain, certain.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

/**
 * What somebody encoded twice or quoted for a shell, in base32, in hex with marks between the bytes, and in JSON's
 * escapes in capitals.
 */
function rareForms(value: string): readonly string[] {
  const url = encodeURIComponent(value.toWellFormed());
  const base64 = Buffer.from(value).toString("base64");
  const hex = Buffer.from(value).toString("hex").match(/../g) ?? [];
  const spaced = hex.join(" ");
  return [
    encodeURIComponent(url),
    encodeURIComponent(base64.replace(/=+$/, "")),
    ...base64Forms(base64.slice(0, Math.floor(Buffer.byteLength(value) / 3) * 4)),
    ...base32Forms(value),
    value.replaceAll(/[^\w@%+=:,./-]/g, (char) => `\\${char}`),
    ...[hex.join(":"), hex.map((pair) => `\\x${pair}`).join("")].flatMap((form) => [form, inCapitals(form)]),
    ...[spaced, inGroups(Buffer.from(value), 4)].map((form) => form.toUpperCase()),
    hex.map((pair) => `%${pair.toUpperCase()}`).join(""),
    JSON.stringify(value)
      .slice(1, -1)
      .replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${hexOf(unit, 4).toUpperCase()}`),
  ];
}

/** Digits in capitals, the `x` of an escape as it is. */
const inCapitals = (form: string): string => form.toUpperCase().replaceAll("X", "x");

const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * The characters of base32 that depend on the value alone, when 0 to 4 other bytes stand before it. Source: RFC 4648,
 * section 6.
 */
function base32Forms(value: string): readonly string[] {
  const bits = [...Buffer.from(value)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return [0, 1, 2, 3, 4].map((shift) => {
    const skipped = (5 - ((shift * 8) % 5)) % 5;
    const groups = bits.slice(skipped).match(/.{5}/g) ?? [];
    return groups.map((group) => base32[Number.parseInt(group, 2)]).join("");
  });
}

function hexForms(value: string): readonly string[] {
  const hex = Buffer.from(value).toString("hex");
  return [hex, hex.toUpperCase()];
}

/** The lines of the encoded value, when nothing stands before it. */
function wrappedForms(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const base64 = bytes.toString("base64", 0, Math.floor(bytes.length / 3) * 3).slice(0, maxEncodedLength);
  return [
    ...base64Columns.flatMap((columns) => linesOf(base64, columns)),
    ...hexForms(value).flatMap((hex) => linesOf(hex.slice(0, maxEncodedLength), hexColumns)),
  ].filter(isTelling);
}

/**
 * The lines of a dump of the value, when nothing stands before it: hex in twos and fours, and what can be read beside
 * it.
 */
function dumpForms(value: string): readonly string[] {
  const bytes = Buffer.from(value).subarray(0, maxDumped);
  const rows = Array.from({ length: Math.ceil(bytes.length / dumpBytes) }, (_, row) =>
    bytes.subarray(row * dumpBytes, (row + 1) * dumpBytes),
  );
  const readable = rows
    .filter(({ length }) => length >= dumpBytes / 2)
    .map((row) => inDump(row).trim())
    // Pieces of a document are names and words that many texts have, but for what is encoded in it.
    .filter((text) => !isDocument(value) || isEncoded(text));
  const hex = rows.flatMap((row) => [inGroups(row, 2), inGroups(row, 4)]);
  return [...hex, ...readable].filter(isTelling);
}

const isDocument = (value: string): boolean => /\n.*\S/.test(value) || /^\s*[{[]/.test(value);
const isEncoded = (text: string): boolean =>
  /^[\w+/=.-]{12,}$/.test(text) && [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(text));
const inDump = (row: Buffer): string => row.toString("latin1").replaceAll(/[^ -~]/g, ".");
const inGroups = (row: Buffer, digits: number): string =>
  (row.toString("hex").match(new RegExp(`.{1,${digits}}`, "g")) ?? []).join(" ");

function linesOf(text: string, columns: number): readonly string[] {
  if (text.length <= columns) return [];
  return Array.from({ length: Math.ceil(text.length / columns) }, (_, index) =>
    text.slice(index * columns, (index + 1) * columns),
  );
}

const armour = /^-----(BEGIN|END) [A-Z0-9 ]+-----$/;
/** Nobody's key is longer, and of longer lines the pattern would look at every part again and again. */
const maxKey = 256;
const keyWithoutValue = /^[-\s]*"?[\w./-]+"?(:|\s+=)\s*[[{|>(]?[-+]?$/;

/** False for a line that many texts have: masking it would make logs unreadable and hide nothing. */
function isTelling(line: string): boolean {
  if (line.length < minCharacters || new Set(line).size < 4) return false;
  if (armour.test(line) || (line.length <= maxKey && keyWithoutValue.test(line))) return false;
  return line.replaceAll(/[^\p{L}\p{N}]/gu, "").length >= 4;
}
