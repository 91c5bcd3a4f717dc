import type { PhaseLog } from "../../control/runs/logs.ts";
import type { JobPhase } from "../../domain/runs/job.ts";
import { statusText } from "../../domain/runs/run.ts";

const startOfText = 0x02;
const endOfText = 0x03;

/** A part of a log as clients read it: text of ours, or a stream as it is kept. */
export type LogSegment =
  | { readonly kind: "text"; readonly bytes: Uint8Array }
  | { readonly kind: "stream"; readonly stream: string; readonly length: number };

/** How much of a log's beginning tells which program ran. */
export const headBytes = 2_048;

/**
 * A log as clients read it: between two control characters, which count, with the three lines at its beginning that the
 * terraform program expects, and with all attempts at a plan one after the other. What stands at a place never changes.
 */
export function framed(log: PhaseLog, phase: JobPhase, head: Uint8Array): readonly LogSegment[] {
  const text = (bytes: string | Uint8Array): LogSegment => ({ kind: "text", bytes: Buffer.from(bytes) });
  const begin = text(Uint8Array.of(startOfText));
  const heading = headingOf(head, log.isOver);
  const said = log.attempts.filter(({ bytes }) => bytes > 0);
  const streams = said.flatMap(({ stream, bytes }, index): LogSegment[] => [
    ...(index === 0 ? [] : [text(anew(phase))]),
    { kind: "stream", stream, length: bytes },
  ]);
  // Nothing follows a beginning that is not known yet.
  if (heading === undefined) return log.isOver ? [begin, text(lastWords(log, phase)), end] : [begin];
  return [begin, text(heading), ...streams, ...(log.isOver ? [text(lastWords(log, phase)), end] : [])];
}

const end: LogSegment = { kind: "text", bytes: Uint8Array.of(endOfText) };

const anew = (phase: JobPhase): string => `\nWindlass: the ${phase} begins anew, with another agent\n\n`;

/** How an agent's first line ends: its program, that one's version, and what machine it is built for. */
const programLine = /, (terraform|tofu) (\d\S*)(?: \((\w+)\))?$/;

/** The program that the log's first line names; undefined as long as there is no such line. */
function headingOf(head: Uint8Array, isOver: boolean): string | undefined {
  const text = Buffer.from(head).toString("utf8");
  const [first, ...more] = text.split("\n");
  if (first === undefined || (more.length === 0 && head.length < headBytes && !(isOver && head.length > 0)))
    return undefined;
  const [, engine, version, platform = "a platform that is not known"] = programLine.exec(first) ?? [];
  const name = engine === "tofu" ? "OpenTofu" : "Terraform";
  const numbered = version === undefined ? name : `${name} v${version}`;
  return `${numbered}\non ${platform}\nInitializing plugins and modules...\n`;
}

/** Why there is not more of it; empty for a whole log. */
function lastWords({ run, attempts, problem }: PhaseLog, phase: JobPhase): string {
  if (problem !== "") return `\nWindlass: ${problem}\n`;
  const isSaid = attempts.some(({ bytes }) => bytes > 0);
  return isSaid ? "" : `Windlass: the ${phase} was not started, and the run is ${statusText(run.status)}\n`;
}

/** The bytes of a log's own text, without the two that frame it. */
export const unframed = (bytes: Uint8Array): Uint8Array =>
  bytes.includes(startOfText) || bytes.includes(endOfText)
    ? bytes.map((byte) => (byte === startOfText || byte === endOfText ? 0x20 : byte))
    : bytes;

export const lengthOf = (segment: LogSegment): number =>
  segment.kind === "text" ? segment.bytes.length : segment.length;
