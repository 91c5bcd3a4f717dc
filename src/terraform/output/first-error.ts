import type { FileHandle } from "node:fs/promises";
import { openRegular } from "../../lib/fs/regular-file.ts";
import type { Diagnostic } from "./events.ts";

/** What terraform said first went wrong, and how much else did. */
export interface FirstError {
  /** Empty where the error is about no resource. */
  readonly address: string;
  /** `main.tf:1`; empty where it is about no place. */
  readonly place: string;
  /** Its summary, and what is told beside it. */
  readonly text: string;
  readonly others: number;
}

/** From the events of an apply; `count` is of all errors, also those that were not kept. */
export function firstOfDiagnostics(errors: readonly Diagnostic[], count: number): FirstError | undefined {
  const [first] = errors;
  if (first === undefined || typeof first.summary !== "string") return undefined;
  const { summary, detail, address, range } = first;
  const place = range === undefined ? "" : `${textOf(range.filename)}:${Number(range.start?.line)}`;
  return { address: textOf(address), place, text: joined(summary, textOf(detail)), others: Math.max(0, count - 1) };
}

const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const joined = (summary: string, detail: string): string => (detail.trim() === "" ? summary : `${summary}: ${detail}`);

const errorMark = Buffer.from("\nError: ");
/** With what Go begins to tell of a crash. */
const crashMarks = ["\npanic: ", "\nfatal error: "].map((text) => Buffer.from(text));
const chunkBytes = 1024 * 1024;
/** More of an error than a line of a message can hold. */
const errorBytes = 16 * 1024;

/** A job can make its output as long as it likes without any cost. */
const searchedBytes = 256 * 1024 * 1024;

/** From the beginning of what init, plan or show printed to a file in human format. Undefined if there is none. */
export async function firstInOutput(path: string): Promise<FirstError | undefined> {
  await using file = await openRegular(path);
  if (file === undefined) return undefined;
  const { first, count } = await findMarks(file, errorMark);
  if (first === undefined) return await crashIn(file);
  const buffer = Buffer.alloc(errorBytes);
  const { bytesRead } = await file.read(buffer, 0, errorBytes, first);
  return { ...errorIn(buffer.toString("utf8", 0, bytesRead)), others: count - 1 };
}

/** What a crashed program said last, from what it printed to a file. Undefined if it did not crash. */
export async function crashInOutput(path: string): Promise<FirstError | undefined> {
  await using file = await openRegular(path);
  return file === undefined ? undefined : await crashIn(file);
}

async function crashIn(file: FileHandle): Promise<FirstError | undefined> {
  for (const mark of crashMarks) {
    const { first } = await findMarks(file, mark);
    if (first === undefined) continue;
    const buffer = Buffer.alloc(errorBytes);
    const { bytesRead } = await file.read(buffer, 0, errorBytes, first);
    const [line = ""] = buffer.toString("utf8", 0, bytesRead).split("\n");
    return { address: "", place: "", text: `it crashed: ${line}`, others: 0 };
  }
  return undefined;
}

/** Where the first of these marks is, which begin with the end of a line, and how many there are. */
async function findMarks(
  file: FileHandle,
  mark: Buffer,
): Promise<{ readonly first: number | undefined; readonly count: number }> {
  // The end of each piece is looked at again with the next one; a mark needs the end of a line, and the file begins as
  // if after one.
  let kept = Buffer.from("\n");
  let [at, count] = [0, 0];
  let first: number | undefined;
  const buffer = Buffer.alloc(chunkBytes);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, chunkBytes, at);
    if (bytesRead === 0 || at > searchedBytes) return { first, count };
    const bytes = Buffer.concat([kept, buffer.subarray(0, bytesRead)]);
    for (let found = bytes.indexOf(mark); found >= 0; found = bytes.indexOf(mark, found + mark.length)) {
      count += 1;
      first ??= at - kept.length + found + 1;
    }
    at += bytesRead;
    kept = Buffer.from(bytes.subarray(-(mark.length - 1)));
  }
}

const subjectLine = /^ {2}with (.+),$/;
const placeLine = /^ {2}on (.+?) line (\d+)/;
/** Where it is in the configuration, that place's source, and values beside it. */
const sourceLine = /^(?: {2}on .+ line \d+|\s*\d+: | {4}[├│]| {2}\(source code not available\))/;
const nextError = /^(?:Error|Warning): /;

/** What init says before the faults of a configuration that it could not read: nothing that anybody could mend. */
const precedingError =
  /^Error: (?:Error asking for state migration action|(?:Terraform|OpenTofu) encountered problems during initiali[sz]ation)/;

/** The same text from the error on that is meant; as it is where none follows. */
function meantIn(text: string): string {
  if (!precedingError.test(text)) return text;
  const next = text.indexOf("\nError: ");
  return next < 0 ? text : meantIn(text.slice(next + 1));
}

/** An error as terraform prints it without colours: summary, subject, source and, wrapped, what is told beside it. */
export function errorIn(text: string): Omit<FirstError, "others"> {
  const [head = "", ...rest] = meantIn(text).split("\n");
  const end = rest.findIndex((line) => nextError.test(line));
  const lines = end < 0 ? rest : rest.slice(0, end);
  const address = lines.map((line) => subjectLine.exec(line)?.[1]).find((found) => found !== undefined) ?? "";
  const place = lines.map((line) => placeLine.exec(line)).find((found) => found !== null);
  const detail = lines.filter((line) => !subjectLine.test(line) && !sourceLine.test(line)).join("\n");
  return {
    address,
    place: place == null ? "" : `${place[1]}:${place[2]}`,
    text: joined(head.replace(nextError, ""), detail),
  };
}

const maxCharacters = 300;

/** In one line for a message: `postgresql_role.r: permission denied to create role`. `hide` takes secrets out. */
export function errorLine({ address, place, text, others }: FirstError, hide: (text: string) => string): string {
  // Terraform's own line ends may stand in the middle of a secret: it is looked for with and without them.
  const shown = (part: string): string => hide(oneLine(hide(part)));
  // What it is about says more than where that stands.
  const about = address === "" ? place : address;
  const subject = about === "" ? "" : `${cut(shown(about), maxCharacters / 2)}: `;
  const more = others === 0 ? "" : `, and ${others} more ${others === 1 ? "error" : "errors"}`;
  const said = withoutEnd(shown(text));
  return `${cut(`${subject}${said}`, maxCharacters - more.length)}${more}`;
}

/** Without the marks at its end. A search for them by a pattern would begin anew at every mark of a long text. */
function withoutEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /[\s.:]/.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

const oneLine = (text: string): string => text.replaceAll(/[\s\p{Cc}\p{Zl}\p{Zp}]+/gu, " ").trim();
const cut = (text: string, length: number): string => {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join("")}…`;
};
