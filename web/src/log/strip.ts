/* biome-ignore-all lint/suspicious/noControlCharactersInRegex: control characters are what is looked for */

/** Control strings: DCS, SOS, PM and APC. They end with ST; one that does not is taken to the end of the line. */
const controlString = /(?:\u001b[PX^_]|[\u0090\u0098\u009e\u009f]).*?(?:\u001b\\|\u009c|$)/gs;

/** Titles, clipboards and whatever else a terminal can be told; links (8) are left for the colours to read. */
const operatingSystemCommand = /(?:\u001b\]|\u009d)(?!8;)[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)/g;

/** Everything but colours: cursor moves, erasing, modes; and colours in a form that would be printed as text. */
const otherSequence =
  /\u001b\[[0-?]*[ -/]*[@-ln-~]|\u001b\[[0-9;]*:[0-9:;]*m|\u001b\[[<-?][0-?]*m|\u009b[0-?]*[ -/]*[@-~]|\u001b[ -/]+[0-~]|\u001b[0-OQ-WYZ`-~]/g;

const control = /[\u0000-\u0006\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]/g;

/** A bell ends a link, and otherwise is nothing to read. */
const bell = /(\u001b\]8;[^\u0007\u001b]*)\u0007|\u0007/g;

/** Characters that make text read in another order than it stands, or hide it. */
const direction = /[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** Links as the colours read them; those in another form, or without an end, lose what makes them links. */
const link = /(\u001b\]8;[ -:<-~]*;[!-~]{0,512}\u001b\\[ -~]+\u001b\]8;;\u001b\\)|\u001b\]8;[^\u001b]*(?:\u001b\\|$)/g;

/** Nothing but these is strange in nearly all lines of a plan: colours as a terminal is told them. */
const color = /\u001b\[[0-9;]*m/g;

/** Most lines have nothing of all this. */
const suspicious =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/u;

/** What a terminal would show of a line that was written over: the part behind the last carriage return. */
function lastWritten(line: string): string {
  const whole = line.replace(/\r+$/, "");
  return whole.slice(whole.lastIndexOf("\r") + 1);
}

/** A line of a log without all that is no text and no colour. What is left is safe to be read, not to be HTML. */
export function strip(line: string): string {
  if (!suspicious.test(line) || !suspicious.test(line.replaceAll(color, ""))) return line;
  return lastWritten(line)
    .replaceAll(controlString, "")
    .replaceAll(operatingSystemCommand, "")
    .replaceAll(otherSequence, "")
    .replaceAll(bell, (_, begun: string | undefined) => (begun === undefined ? "" : `${begun}\u001b\\`))
    .replaceAll(link, (_, whole: string | undefined) => whole ?? "")
    .replaceAll(control, "")
    .replaceAll(direction, "");
}
