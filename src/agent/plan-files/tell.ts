import { shownSize } from "../../lib/text/size-text.ts";
import type { LostFile, PlanMade } from "./choose.ts";
import type { Elsewhere } from "./elsewhere.ts";
import type { TreeEntry } from "./walk.ts";

/** Most names in one line of the log, and the longest of them. */
const maxNames = 10;
const maxNameLength = 200;
/** Most lines of reasons. */
const maxReasons = 12;

/** What the log says of what a plan made: what its apply will have, and what not. Empty if it made nothing. */
export function tellPlanFiles({ carried, removed, lost }: PlanMade, maxBytes: number): string {
  const named = carried.filter(({ kind }) => kind !== "directory" || isEmptyIn(carried));
  const lines = [
    ...(named.length === 0 ? [] : [`${goWithIt(named.length)}: ${listed(named.map(shownCarried))}`]),
    ...(removed.length === 0 ? [] : [`the plan removed ${listed(removed.map(shownName))}: so will the apply`]),
    ...tellLost(lost, maxBytes),
  ];
  return told(lines);
}

/** The same for what data sources have put elsewhere. */
export function tellElsewhere(found: readonly Elsewhere[]): string {
  const byPath = new Map(found.map(({ path, address }) => [path, address]));
  const lines = [...byPath]
    .slice(0, maxNames)
    .map(([path, address]) => `${shownName(address)} names ${shownName(path)}: ${away}`);
  const more = byPath.size - lines.length;
  return told(more > 0 ? [...lines, `data sources name ${more} more files: ${away}`] : lines);
}

const away =
  "a file made there lies outside of the configuration, and an apply on another agent or in a sandbox will NOT have it";

const told = (lines: readonly string[]): string =>
  lines.length === 0 ? "" : `\n${lines.map((line) => `Windlass: ${line}\n`).join("")}`;

const isEmptyIn = (carried: readonly TreeEntry[]): boolean => carried.every(({ kind }) => kind === "directory");

const goWithIt = (count: number): string =>
  count === 1
    ? "1 file that the plan made or changed goes with it to the apply"
    : `${count} files that the plan made or changed go with it to the apply`;

function tellLost(lost: readonly LostFile[], maxBytes: number): readonly string[] {
  const groups = [...Map.groupBy(lost, ({ why }) => why)];
  const lines = groups.slice(0, maxReasons).map(([why, files]) => {
    const reason = why === "" ? `at most ${shownSize(maxBytes)} go with a plan` : shownName(why);
    return `the apply will NOT have ${listed(files.map(shownEntry))}: ${reason}`;
  });
  const more = groups.slice(maxReasons).reduce((sum, [, files]) => sum + files.length, 0);
  return more === 0 ? lines : [...lines, `the apply will NOT have ${more} more files, for other reasons`];
}

const shownCarried = (entry: TreeEntry): string =>
  entry.kind === "directory" ? `${shownName(entry.path)}/` : shownEntry(entry);

const shownEntry = ({ path, bytes }: { readonly path: string; readonly bytes: number }): string =>
  bytes === 0 ? shownName(path) : `${shownName(path)} (${shownSize(bytes)})`;

function listed(names: readonly string[]): string {
  const more = names.length - maxNames;
  return more > 0 ? `${names.slice(0, maxNames).join(", ")} and ${more} more` : names.join(", ");
}

/** A job has chosen it: nothing in it moves a cursor or turns the line around. */
function shownName(name: string): string {
  const clean = name.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
  return clean.length > maxNameLength ? `${clean.slice(0, maxNameLength)}…` : clean;
}
