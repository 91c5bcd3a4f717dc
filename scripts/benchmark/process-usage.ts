import { readFile, writeFile } from "node:fs/promises";

/** What a process has used so far, by /proc. */
export interface ProcessUsage {
  /** User and system; counted in hundredths of a second. */
  readonly cpuMs: number;
  readonly rssKib: number;
  /** The most since `forgetPeak`. */
  readonly peakKib: number;
}

export async function usageOf(pid: number): Promise<ProcessUsage> {
  const stat = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? Number.NaN);
  return { cpuMs: (Number(stat[11]) + Number(stat[12])) * 10, rssKib: kib("VmRSS"), peakKib: kib("VmHWM") };
}

/** Lets the peak of a process begin anew. */
export const forgetPeak = (pid: number): Promise<void> => writeFile(`/proc/${pid}/clear_refs`, "5");

/** How much processor time a process took while something happened. */
export async function cpuWhile(pid: number, act: () => Promise<unknown>): Promise<number> {
  const before = await usageOf(pid);
  await act();
  return (await usageOf(pid)).cpuMs - before.cpuMs;
}
