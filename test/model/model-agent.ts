import { appendFile, cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type RunningAgent, startAgent } from "../../src/agent/agent.ts";
import type { AgentOutcome } from "../../src/agent/contract/outcome.ts";
import { makeJobDirectories, type Preparation, writePrepared } from "../../src/agent/jobs/files.ts";
import type { AgentJob } from "../../src/agent/jobs/job.ts";
import { recordConfiguration } from "../../src/agent/plan-files/collect.ts";
import { sha256OfFile } from "../../src/agent/transfers/artifacts.ts";
import { type Ask, download } from "../../src/agent/transfers/download.ts";
import type { JobRuntime, JobServices } from "../../src/agent/work/services.ts";
import type { ArtifactInfo } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import type { Clock } from "../../src/lib/clock.ts";
import type { Log } from "../../src/lib/program/log.ts";
import type { Random } from "../../src/lib/random.ts";
import { messageOf } from "../../src/lib/values/errors.ts";
import { type Line, type LineOptions, Line as NewLine } from "./network.ts";
import { Road } from "./road.ts";
import type { TerraformProcess } from "./terraform.ts";

export interface ModelAgentOptions {
  readonly name: string;
  readonly dir: string;
  readonly concurrency: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly token: () => string;
  readonly network: Pick<LineOptions, "server" | "fateOf" | "observer">;
  /** For tests that must fail: what a crash takes from the directory of an apply. */
  readonly forgets: Forgets | undefined;
  /** Starts a program on the agent's machine. */
  readonly spawn: (agent: ModelAgent, ...command: Parameters<JobRuntime["start"]>) => TerraformProcess;
  /** Told before job directories are lost. */
  readonly onDiskLost: (jobKeys: readonly string[]) => void;
}

/** Its execution, or only that it was interrupted. */
export type Forgets = "executions" | "interrupts";

export interface Crash {
  /** The control plane sees the stream break at once. */
  readonly isNoticed: boolean;
  /** The whole machine: its programs end too. */
  readonly isMachine: boolean;
  /** A half-written line is at the end of each journal. */
  readonly isTorn: boolean;
}

interface Process {
  readonly agent: RunningAgent;
  readonly line: Line;
  isDead: boolean;
  outcome: AgentOutcome | undefined;
}

/** One agent of a schedule: a disk, the programs of its machine, and at most one process of the real agent. */
export class ModelAgent {
  readonly name: string;
  readonly road = new Road();
  readonly processes: TerraformProcess[] = [];
  /** False while its machine lacks terraform. */
  hasEngine = true;
  readonly #options: ModelAgentOptions;
  #process: Process | undefined;
  #dying: Promise<void>[] = [];

  constructor(options: ModelAgentOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get dataDir(): string {
    return join(this.#options.dir, "data");
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  get line(): Line | undefined {
    return this.#process?.line;
  }

  /** Why the last process ended by itself; undefined if it did not. */
  get outcome(): AgentOutcome | undefined {
    return this.#process?.outcome;
  }

  async start(): Promise<void> {
    if (this.#process !== undefined && this.#process.outcome === undefined) return;
    await this.settle();
    const { name, dir, concurrency, clock, random, log, token, network } = this.#options;
    await mkdir(dir, { recursive: true });
    const line = new NewLine({
      ...network,
      clock,
      road: this.road,
      killAgent: () => this.crash({ isNoticed: true, isMachine: false, isTorn: false }),
    });
    const agent = startAgent({
      ...{ clock, random, log },
      transport: line,
      token: async () => token(),
      machine: this.#machine(() => process.isDead),
      config: {
        ...{
          name,
          concurrency,
          dataDir: this.dataDir,
          workRoot: join(dir, "work"),
          labels: {},
          version: "0.0.0-model",
        },
        ...{ isServerAgent: false, searchPath: "", sandbox: "none", minFreeBytes: 0 },
      },
    });
    const process: Process = { agent, line, isDead: false, outcome: undefined };
    this.#process = process;
    void agent.done.then((outcome) => {
      process.outcome = outcome;
    });
  }

  /** Ends its process without a word. What lies on the disk stays, and so do terraform's processes. */
  crash({ isNoticed, isMachine, isTorn }: Crash): void {
    const process = this.#process;
    if (isMachine) this.#endPrograms();
    if (process === undefined) return;
    this.#process = undefined;
    process.isDead = true;
    process.line.kill(isNoticed);
    this.#dying.push(this.#bury(process, isTorn));
  }

  /** Empties its disk. The process has crashed before. */
  async wipe({ keepsIncarnation, endsPrograms }: { keepsIncarnation: boolean; endsPrograms: boolean }): Promise<void> {
    this.crash({ isNoticed: true, isMachine: endsPrograms, isTorn: false });
    await this.settle();
    this.#options.onDiskLost(await this.jobKeys());
    if (keepsIncarnation) await rm(join(this.dataDir, "jobs"), { recursive: true, force: true });
    else await rm(this.dataDir, { recursive: true, force: true });
    await rm(join(this.#options.dir, "work"), { recursive: true, force: true });
  }

  /** Takes another agent's identity, as a copied machine does, without its jobs. */
  async impersonate(other: ModelAgent): Promise<void> {
    await this.wipe({ keepsIncarnation: false, endsPrograms: true });
    await mkdir(this.dataDir, { recursive: true });
    await cp(join(other.dataDir, "incarnation"), join(this.dataDir, "incarnation")).catch(() => {});
  }

  /** Waits until processes that crashed are gone. */
  async settle(): Promise<void> {
    await Promise.all(this.#dying);
    this.#dying = [];
  }

  async jobKeys(): Promise<readonly string[]> {
    return readdir(join(this.dataDir, "jobs")).catch(() => []);
  }

  async #bury({ agent }: Process, isTorn: boolean): Promise<void> {
    await agent[Symbol.asyncDispose]();
    if (isTorn) await this.#tearJournals();
    for (const key of this.#options.forgets === undefined ? [] : await this.jobKeys()) await this.#forget(key);
  }

  #endPrograms(): void {
    for (const process of this.processes) process.dies({ kind: "lost", why: "the machine was restarted" });
  }

  async #tearJournals(): Promise<void> {
    for (const key of await this.jobKeys()) {
      await appendFile(
        join(this.dataDir, "jobs", key, "journal"),
        '{"at":"2026-01-01T00:00:00.000Z","kind":"resu',
      ).catch(() => {});
    }
  }

  async #forget(key: string): Promise<void> {
    const root = join(this.dataDir, "jobs", key);
    const journal = await readFile(join(root, "journal"), "utf8").catch(() => "");
    if (!journal.includes('"step":"apply"')) return;
    if (this.#options.forgets === "interrupts") return rm(join(root, "steps", "apply", "interrupted"), { force: true });
    const [offered = ""] = journal.split("\n");
    await writeFile(join(root, "journal"), `${offered}\n`);
    await rm(join(root, "steps"), { recursive: true, force: true });
  }

  #machine(isDead: () => boolean): JobRuntime {
    return {
      inventory: async () => ({
        programs: this.hasEngine ? [{ engine: "terraform", version: program.engineVersion }] : [],
        ...{ downloads: [], problems: [] },
      }),
      prepare: (job, services, signal) => (this.hasEngine ? prepare(job, services, signal) : lacking(job, services)),
      start: async (command, clock) => {
        await command.noted;
        if (isDead()) return { kind: "refused", why: "the agent is dead" };
        const process = this.#options.spawn(this, command, clock);
        this.processes.push(process);
        return { kind: "started", step: process };
      },
      adopt: async (dir) => {
        const process = this.processes.findLast((known) => known.dir === dir);
        if (process?.isKnown !== true) return { kind: "never-started" };
        return process.outcome ?? { kind: "running", step: process };
      },
      endLeftBehind: async () => ({ ended: [], tidied: Promise.resolve() }),
    };
  }
}

const program = { enginePath: "terraform", engineVersion: "1.11.4" };

/** As the real preparation where the program is missing. */
async function lacking({ files }: AgentJob, { news }: JobServices): Promise<Preparation> {
  void news.look();
  await makeJobDirectories(files);
  const message = "terraform was not found on this agent";
  const prepared = { kind: "unusable", message, engineVersion: "", isEngineMissing: true } as const;
  await writePrepared(files, prepared);
  return prepared;
}

/** As the real preparation, without a program and an archive: what it downloads, it downloads with the job's token. */
async function prepare(job: AgentJob, services: JobServices, signal: AbortSignal): Promise<Preparation> {
  const { files, spec } = job;
  try {
    await rm(files.work, { recursive: true, force: true });
    await makeJobDirectories(files);
    const config = join(files.work, "config");
    for (const name of ["config", "home", "tmp", "state"]) await mkdir(join(files.work, name), { recursive: true });
    await writeFile(join(config, "main.tf"), "");
    if (!job.isApply)
      await recordConfiguration(files.configurationRecord, { root: config, directory: config, placed: [] });
    const artifacts = services.artifacts(spec.jobToken);
    const fetch = async (ask: Ask, file: string, announced: Pick<ArtifactInfo, "sizeBytes" | "sha256">) => {
      const { clock, downloads } = services;
      const sizeBytes = Number(announced.sizeBytes);
      await download(
        { ask, file, sizeBytes, clock, pace: downloads.pace, onBegin: () => {}, onBytes: () => {} },
        signal,
      );
      if ((await sha256OfFile(file)) !== announced.sha256) throw new Error("a download is not what was announced");
    };
    if (spec.plan !== undefined) await fetch(artifacts.plan, files.planFile, spec.plan);
    if (spec.state !== undefined) await fetch(artifacts.state, files.stateFile, spec.state);
  } catch (error) {
    signal.throwIfAborted();
    return { kind: "declined", reason: messageOf(error) };
  }
  const prepared = {
    kind: "ready",
    ...program,
    needsInit: false,
    hasBackendBlock: false,
    isStateOutside: true,
  } as const;
  await writePrepared(files, prepared);
  return prepared;
}
