import type { Sample, Taken } from "./measure.ts";

const mib = 2 ** 20;

/** What one soak has seen. */
export interface Seen {
  readonly minutes: number;
  /** Of the measured part. */
  readonly runs: number;
  readonly before: Sample;
  readonly after: Sample;
  readonly agentBefore: Taken;
  readonly agentAfter: Taken;
  readonly peakBytes: number;
  readonly stopMs: number;
  readonly counts: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
}

/** What must not happen, in words and as a number that is compared. */
export const bounds = {
  heapBytes: 32 * mib,
  rssBytes: 256 * mib,
  peakBytes: 1024 * mib,
  agentHeapBytes: 32 * mib,
  agentRssBytes: 128 * mib,
  stopMs: 5_000,
} as const;

export const boundsText = [
  "no descriptor more than before the load, of the server and of the agent",
  `heap after a garbage collection: at most ${bounds.heapBytes / mib} MiB more; RSS: ${bounds.rssBytes / mib} MiB more, ${bounds.peakBytes / mib} MiB at its peak`,
  `the agent: heap at most ${bounds.agentHeapBytes / mib} MiB more, RSS ${bounds.agentRssBytes / mib} MiB`,
  `a stop takes at most ${bounds.stopMs / 1000} s; every honest call and run succeeds`,
] as const;

/** The bounds that are broken, each in a sentence. */
export function broken(seen: Seen): readonly string[] {
  const { before, after, agentBefore, agentAfter } = seen;
  const checks: readonly (readonly [is: boolean, what: string])[] = [
    [after.descriptors > before.descriptors, `descriptors: ${before.descriptors} before, ${after.descriptors} after`],
    [
      agentAfter.descriptors > agentBefore.descriptors,
      `the agent's descriptors: ${agentBefore.descriptors} before, ${agentAfter.descriptors} after`,
    ],
    [
      after.heapBytes - before.heapBytes > bounds.heapBytes,
      `heap: ${inMib(before.heapBytes)} before, ${inMib(after.heapBytes)} after`,
    ],
    [
      after.rssBytes - before.rssBytes > bounds.rssBytes,
      `RSS: ${inMib(before.rssBytes)} before, ${inMib(after.rssBytes)} after`,
    ],
    [seen.peakBytes > bounds.peakBytes, `RSS at its peak: ${inMib(seen.peakBytes)}`],
    [
      agentAfter.heapBytes - agentBefore.heapBytes > bounds.agentHeapBytes,
      `the agent's heap: ${inMib(agentBefore.heapBytes)} before, ${inMib(agentAfter.heapBytes)} after`,
    ],
    [
      agentAfter.rssBytes - agentBefore.rssBytes > bounds.agentRssBytes,
      `the agent's RSS: ${inMib(agentBefore.rssBytes)} before, ${inMib(agentAfter.rssBytes)} after`,
    ],
    [seen.stopMs > bounds.stopMs, `the server took ${Math.round(seen.stopMs)} ms to stop`],
    [seen.failures.length > 0, `${seen.failures.length} honest calls or runs failed, first: ${seen.failures[0]}`],
    [seen.runs === 0, "no run has ended"],
  ];
  return checks.flatMap(([is, what]) => (is ? [what] : []));
}

const inMib = (bytes: number): string => `${(bytes / mib).toFixed(1)} MiB`;

const line = (what: string, ...cells: readonly string[]): string =>
  `  ${what.padEnd(34)}${cells.map((cell) => cell.padStart(16)).join("")}`;

/** The figures, as a table for people. */
export function reportOf(seen: Seen): string {
  const { runs, minutes, before, after, agentBefore, agentAfter } = seen;
  const per = (was: number, is: number, times: number) => ((is - was) / Math.max(1, runs)) * times;
  const bytes = (what: string, name: "rowBytes" | "logBytes" | "objectBytes") =>
    line(
      what,
      ...[inMib(before[name]), inMib(after[name])],
      ...[inMib(per(before[name], after[name], 1_000)), inMib(per(before[name], after[name], 100_000))],
    );
  const process = (what: string, was: number, is: number) => line(what, inMib(was), inMib(is));
  const tables = [...after.rows].filter(([name, count]) => count !== (before.rows.get(name) ?? 0));
  return [
    `${runs} runs in ${minutes} minutes; ${[...seen.counts].map(([what, count]) => `${count} ${what}`).join(", ")}`,
    line("", "before", "after", "per 1,000 runs", "at 100,000"),
    process("server: heap after GC", before.heapBytes, after.heapBytes),
    process("server: external memory", before.externalBytes, after.externalBytes),
    process("server: RSS", before.rssBytes, after.rssBytes),
    line("server: RSS at its peak", "", inMib(seen.peakBytes)),
    line("server: descriptors", String(before.descriptors), String(after.descriptors)),
    process("agent: heap after GC", agentBefore.heapBytes, agentAfter.heapBytes),
    process("agent: external memory", agentBefore.externalBytes, agentAfter.externalBytes),
    process("agent: RSS", agentBefore.rssBytes, agentAfter.rssBytes),
    line("agent: descriptors", String(agentBefore.descriptors), String(agentAfter.descriptors)),
    bytes("rows", "rowBytes"),
    bytes("logs", "logBytes"),
    bytes("objects", "objectBytes"),
    line("objects, number", ...counted(before.objects, after.objects, runs)),
    ...tables.map(([name, count]) => line(`rows of ${name}`, ...counted(before.rows.get(name) ?? 0, count, runs))),
    `  The server stopped within ${Math.round(seen.stopMs)} ms.`,
  ].join("\n");
}

const counted = (was: number, is: number, runs: number): readonly string[] => {
  const each = (is - was) / Math.max(1, runs);
  return [String(was), String(is), String(Math.round(each * 1_000)), String(Math.round(each * 100_000))];
};
