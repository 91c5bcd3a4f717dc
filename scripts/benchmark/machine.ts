import { cpus, loadavg, totalmem } from "node:os";
import { execa } from "execa";

/** What figures are worth: processors, memory, load, versions. */
export interface Machine {
  readonly processors: string;
  readonly memoryGib: number;
  /** Of the last 1, 5 and 15 minutes. */
  readonly load: readonly number[];
  readonly terraform: string;
  readonly node: string;
  readonly postgres: string;
  readonly platform: string;
  readonly commit: string;
}

export async function lookAtMachine(postgresBin: string | undefined): Promise<Machine> {
  const [first] = cpus();
  return {
    processors: `${cpus().length} × ${first?.model.trim() ?? "?"}`,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    load: currentLoad(),
    terraform: /v(\S+)/.exec(await said("terraform", "version"))?.[1] ?? "none",
    node: process.versions.node,
    postgres:
      postgresBin === undefined
        ? "none"
        : (/ (\d\S*)/.exec(await said(`${postgresBin}/postgres`, "--version"))?.[1] ?? "?"),
    platform: `${process.platform} ${process.arch}`,
    commit: (await said("git", "describe", "--always", "--dirty")) || "unknown",
  };
}

export const currentLoad = (): readonly number[] => loadavg().map((each) => Math.round(each * 10) / 10);

export const machineText = (machine: Machine): string =>
  [
    `${machine.processors}, ${machine.memoryGib} GiB, ${machine.platform}, load before ${machine.load.join(" ")}`,
    `Windlass ${machine.commit}, Node ${machine.node}, terraform ${machine.terraform}, PostgreSQL ${machine.postgres}`,
  ].join("\n");

async function said(command: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execa(command, args, { reject: false });
  return String(stdout ?? "").trim();
}
