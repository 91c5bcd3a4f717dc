/** Shorter values would blot out ordinary words. */
export const minCharacters = 6;
/** Encoded forms of longer values are looked for by this many of their first characters. */
const maxEncodedLength = 16 * 1024;
/** Columns after which PEM and `base64` wrap. */
const base64Columns = [64, 76];
/** Columns after which `xxd -p` wraps. */
const hexColumns = 60;

/** Every form in which a secret value may stand in a log. Trivial values and lines have none. */
export function patternsOf(value: string): readonly string[] {
  const trimmed = value.trim();
  if (trimmed.length < minCharacters) return [];
  const encoded = [
    ...jsonForms(trimmed),
    hclQuoted(trimmed),
    trimmed.replaceAll("'", "'\\''"),
    encodeURIComponent(trimmed.toWellFormed()),
    encodeURIComponent(trimmed.toWellFormed()).replaceAll("%20", "+"),
    encodeURIComponent(trimmed.toWellFormed()).replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    ...base64Forms(value),
    ...(trimmed === value ? [] : base64Forms(trimmed)),
    ...hexForms(trimmed),
  ].map((form) => form.slice(0, maxEncodedLength));
  const lines = trimmed.includes("\n") ? trimmed.split("\n").map((line) => line.trim()) : [];
  const patterns = [trimmed, ...encoded, ...wrappedForms(value), ...lines.filter(isTelling)];
  return [...new Set(patterns)].filter((pattern) => pattern.length >= minCharacters);
}

/** As JavaScript writes JSON strings, and as Go does (which escapes `<`, `>` and `&`). */
function jsonForms(value: string): readonly string[] {
  const plain = JSON.stringify(value).slice(1, -1);
  const go = plain.replaceAll(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return [plain, go, JSON.stringify(plain).slice(1, -1)];
}

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

function linesOf(text: string, columns: number): readonly string[] {
  if (text.length <= columns) return [];
  return Array.from({ length: Math.ceil(text.length / columns) }, (_, index) =>
    text.slice(index * columns, (index + 1) * columns),
  );
}

const armour = /^-----(BEGIN|END) [A-Z0-9 ]+-----$/;
const keyWithoutValue = /^[-\s]*"?[\w./-]+"?(:|\s+=)\s*[[{|>(]?[-+]?$/;

/** False for a line that many texts have: masking it would make logs unreadable and hide nothing. */
function isTelling(line: string): boolean {
  if (line.length < minCharacters || new Set(line).size < 4) return false;
  if (armour.test(line) || keyWithoutValue.test(line)) return false;
  return line.replaceAll(/[^\p{L}\p{N}]/gu, "").length >= 4;
}
