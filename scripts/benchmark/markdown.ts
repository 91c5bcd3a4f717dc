import { readFile } from "node:fs/promises";
import writeFileAtomic from "write-file-atomic";
import { type Machine, machineText } from "./machine.ts";
import type { Row } from "./part.ts";
import { markdownTable } from "./table.ts";

export interface MeasuredPart {
  readonly name: string;
  readonly about: string;
  readonly seconds: number;
  readonly rows: readonly Row[];
}

/** A run of the benchmark, as it is written down. */
export interface BenchRun {
  /** ISO 8601. */
  readonly at: string;
  readonly command: string;
  readonly rounds: number;
  readonly machine: Machine;
  readonly loadAfter: readonly number[];
  readonly parts: readonly MeasuredPart[];
}

const begin = "<!-- bench: begin -->";
const end = "<!-- bench: end -->";

/** More waiting programs than this a processor, and a figure says as much of the others as of us. */
const quietLoad = 0.5;

/** A page with the tables of a run between its two lines. */
export function withRun(page: string, run: BenchRun): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`expected the lines ${begin} and ${end} in the page`);
  return `${page.slice(0, from + begin.length)}\n\n${runText(run)}\n\n${page.slice(to)}`;
}

function runText(run: BenchRun): string {
  const busy = run.machine.load.some((each) => each > quietLoad);
  const about = [
    `${run.at.slice(0, 10)}, \`${run.command}\`, rounds: ${run.rounds}.`,
    ...machineText(run.machine)
      .split("\n")
      .map((line) => `${line}.`),
    `Load after: ${run.loadAfter.join(" ")}.`,
    ...(busy ? ["**Other programs were busy on the machine: compare ratios, not times.**"] : []),
  ];
  const tables = run.parts.map(({ name, about: what, rows }) => `### ${name}: ${what}\n\n${markdownTable(rows)}`);
  return [about.join("\n"), ...tables].join("\n\n");
}

/** Fails when a page has no place for a table. */
export async function checkPage(file: string): Promise<void> {
  const page = await readFile(file, "utf8");
  if (!page.includes(begin) || !page.includes(end))
    throw new Error(`--markdown: ${file} has no lines ${begin} and ${end}`);
}

export async function writePage(file: string, run: BenchRun): Promise<void> {
  await writeFileAtomic(file, withRun(await readFile(file, "utf8"), run));
}
