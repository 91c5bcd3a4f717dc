import { cpus, loadavg, totalmem } from "node:os";
import { execa } from "execa";

export const now = (): number => performance.now();

const sortedAt = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;

/** The sample below which this share of them is: 0.5 is the median, 1 the largest. */
export const shareOf = (samples: readonly number[], share: number): number =>
  sortedAt(
    samples.toSorted((a, b) => a - b),
    share,
  );

/** `p50 41 ms, max 60 ms` of the given milliseconds. */
export function spread(samples: readonly number[]): string {
  const sorted = samples.toSorted((a, b) => a - b);
  return `p50 ${shown(sortedAt(sorted, 0.5))}, max ${shown(sortedAt(sorted, 1))}`;
}

const shown = (ms: number): string => (ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** A row of a table: what was measured, and the spread. */
export const row = (what: string, samples: readonly number[]): string => `  ${what.padEnd(62)}${spread(samples)}`;

/** The same with the slowest hundredth. */
export function rowWithTail(what: string, samples: readonly number[]): string {
  const sorted = samples.toSorted((a, b) => a - b);
  return `${row(what, samples)}, p99 ${shown(sortedAt(sorted, 0.99))}`;
}

/** What the figures are worth: processors, memory, load, versions. */
export async function machine(): Promise<string> {
  const [first] = cpus();
  const load = loadavg().map((each) => each.toFixed(1));
  const { stdout } = await execa("terraform", ["version", "-json"]);
  const { terraform_version } = JSON.parse(stdout);
  return [
    `${cpus().length} × ${first?.model.trim() ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${load.join(" ")}`,
    `terraform ${terraform_version}, Node ${process.versions.node}, ${process.platform} ${process.arch}`,
  ].join("\n");
}
