/**
 * Marks and fillers that are not seen: zero width and direction marks, direction overrides and isolates, tags, byte
 * order marks.
 */
const unseen =
  "\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\u{1d173}-\\u{1d17a}\\u{e0000}-\\u{e007f}";
/** C0 but tab and line feed, DEL, C1, and Unicode's own ends of lines and paragraphs. */
const controls = "\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u2028\\u2029";

const anyUnseen = new RegExp(`[${unseen}]`, "gu");
const anyControl = new RegExp(`[${controls}]`, "gu");
const anyBreak = new RegExp(`[\\t\\n${controls}]+`, "gu");
const anyBreakInLine = new RegExp(`[\\t${controls}]+`, "gu");
const anyActing = new RegExp(`[${unseen}${controls}]`, "gu");

/** The text without anything that acts on a terminal, reorders what stands beside it or is not seen; all on one line. */
export const oneLine = (text: string): string => text.toWellFormed().replace(anyUnseen, "").replace(anyBreak, " ");

/** The same of each line of a text, with or without returns at their ends: its line feeds stay. */
export const oneLineEach = (text: string): string =>
  text
    .toWellFormed()
    .replace(anyUnseen, "")
    .replace(/\r+(?=\n|$)/g, "")
    .replace(anyBreakInLine, " ");

/** The same, but its lines and tabs stay; a carriage return alone ends a line too. */
export const cleanLines = (text: string): string =>
  text.toWellFormed().replace(/\r\n?/g, "\n").replace(anyUnseen, "").replace(anyControl, " ");

/** True if the text holds something that `cleanLines` takes away. */
export const hasActing = (text: string): boolean => text.search(anyActing) >= 0;

/** JSON that says the same, with such characters inside of its strings as `\u009b`. */
export const escapedJson = (json: string): string =>
  json.toWellFormed().replace(anyActing, (found) => [...utf16(found)].map((unit) => `\\u${hex(unit, 4)}`).join(""));

/** The same for a YAML document whose strings with such characters stand in double quotes. */
export const escapedYaml = (yaml: string): string =>
  yaml.toWellFormed().replace(anyActing, (found) => {
    const point = found.codePointAt(0) ?? 0;
    return point > 0xffff ? `\\U${hex(point, 8)}` : `\\u${hex(point, 4)}`;
  });

const utf16 = (text: string): readonly number[] => Array.from({ length: text.length }, (_, at) => text.charCodeAt(at));
const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
