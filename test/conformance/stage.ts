import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { JobVariableSchema } from "../../src/gen/windlass/agent/v1/job_artifact_service_pb.ts";
import type { JobSpecSchema } from "../../src/gen/windlass/agent/v1/job_pb.ts";
import { packDirectory } from "../../src/lib/archive/pack.ts";
import { privatelySigned } from "../support/certificate.ts";
import { type AgentCommand, AgentProcess, type Ending } from "./agent-process.ts";
import { awaited, Broken, demand, stays } from "./demand.ts";
import { type Behaviour, behaviourFile, FakeEngine, lineage } from "./engine.ts";
import { OfferedJob } from "./offered-job.ts";
import { agentToken, Plane } from "./plane.ts";
import type { Opened } from "./record.ts";

/** What a scenario wants of a job: how its terraform behaves, and what the plane says of it. */
export interface JobWish extends Omit<Behaviour, "id"> {
  readonly isApply?: boolean;
  readonly variables?: readonly MessageInitShape<typeof JobVariableSchema>[];
  readonly spec?: MessageInitShape<typeof JobSpecSchema>;
  /** Instead of the one that is packed. */
  readonly archive?: (files: Readonly<Record<string, string>>) => Uint8Array;
}

const mainFile = 'variable "greeting" {\n  default = ""\n}\n\nresource "terraform_data" "one" {\n  input = "one"\n}\n';

/** Serial of the state that an apply begins with. */
export const firstSerial = 4;
const firstState = JSON.stringify({
  version: 4,
  terraform_version: "1.11.4",
  serial: firstSerial,
  lineage,
  outputs: {},
  resources: [],
});

export interface StageOptions {
  readonly command: AgentCommand;
  readonly isTls: boolean;
}

/** Where one scenario plays: a control plane, a fake terraform, and the agent that is checked. */
export class Stage implements AsyncDisposable {
  readonly dir: string;
  readonly plane: Plane;
  readonly engine: FakeEngine;
  readonly #command: AgentCommand;
  readonly #caFile: string | undefined;
  readonly #agents: AgentProcess[] = [];
  #jobs = 0;

  private constructor(dir: string, parts: Pick<Stage, "plane" | "engine">, options: StageOptions) {
    this.dir = dir;
    this.plane = parts.plane;
    this.engine = parts.engine;
    this.#command = options.command;
    this.#caFile = options.isTls ? join(dir, "ca.pem") : undefined;
  }

  static async open(options: StageOptions): Promise<Stage> {
    const dir = await mkdtemp(join(tmpdir(), "windlass-conformance-"));
    const certificate = options.isTls ? privatelySigned(new Date()) : undefined;
    if (certificate !== undefined) await writeFile(join(dir, "ca.pem"), certificate.ca);
    const plane = new Plane(certificate);
    await plane.server.start();
    await mkdir(join(dir, "home"));
    return new Stage(dir, { plane, engine: await FakeEngine.install(dir) }, options);
  }

  /** What the agents of this stage have written. */
  get output(): string {
    return this.#agents.map(({ output }) => output).join("");
  }

  /** Starts the agent; a second one has the data directory of the first. */
  start(): AgentProcess {
    const agent = new AgentProcess(this.#command, this.#environment(), this.dir);
    this.#agents.push(agent);
    return agent;
  }

  /** The whole environment of an agent. Every name is one of windlass-agent's own. */
  #environment(): Readonly<Record<string, string>> {
    return {
      PATH: `${this.engine.directory}:${process.env.PATH ?? ""}`,
      HOME: join(this.dir, "home"),
      LANG: "C.UTF-8",
      WINDLASS_ADDRESS: this.plane.server.address,
      WINDLASS_AGENT_TOKEN: agentToken,
      WINDLASS_AGENT_NAME: "conformance",
      WINDLASS_AGENT_DATA_DIR: join(this.dir, "agent"),
      WINDLASS_AGENT_WORK_DIR: join(this.dir, "work"),
      WINDLASS_AGENT_CONCURRENCY: "1",
      WINDLASS_AGENT_SANDBOX: "none",
      WINDLASS_AGENT_NO_ENGINE_DOWNLOAD: "true",
      ...(this.#caFile === undefined ? {} : { WINDLASS_CA_FILE: this.#caFile }),
    };
  }

  /** Looks until there is something to see; an agent that ends meanwhile has broken the rule. */
  until<Seen>(
    what: string,
    look: () => Promise<Seen | undefined | false> | Seen | undefined | false,
    deadlineMs?: number,
  ): Promise<Seen> {
    return awaited(what, this.#whileRunning(what, look), deadlineMs);
  }

  /** Watches that something stays away, and that the agent runs on. */
  stays(what: string, forMs: number, isBroken: () => Promise<boolean> | boolean): Promise<void> {
    return stays(what, forMs, this.#whileRunning(what, isBroken));
  }

  #whileRunning<Seen>(what: string, look: () => Seen): () => Seen {
    return () => {
      const ending = this.#agents.at(-1)?.ending;
      if (ending !== undefined) throw new Broken(`the agent ended with ${ending}, while it was looked for: ${what}`);
      return look();
    };
  }

  /** Resolves when the agent has ended by itself. */
  async end(agent: AgentProcess, why: string, deadlineMs = 20_000): Promise<Ending> {
    return (
      await awaited(`the agent ends: ${why}`, () => agent.ending !== undefined && [agent.ending], deadlineMs)
    )[0] as Ending;
  }

  /** Resolves with the first stream that was welcomed after the given moment. */
  async connected(afterOrder = 0, deadlineMs?: number): Promise<Opened> {
    return this.until(
      "the agent has a stream and has said hello",
      () =>
        this.plane.record.streams.find(
          ({ order, stream }) => order > afterOrder && this.plane.record.heard("hello", stream).length > 0,
        ),
      deadlineMs,
    );
  }

  /** A job that was not offered yet. */
  async job({ isApply = false, variables, spec, archive, ...behaviour }: JobWish = {}): Promise<OfferedJob> {
    const id = `job_${++this.#jobs}`;
    const files = { "main.tf": mainFile, "conformance.env": behaviourFile({ id, ...behaviour }) };
    const applied = isApply ? { plan: Buffer.from(`a plan of ${id}\n`), state: Buffer.from(firstState) } : {};
    const configuration = archive === undefined ? await this.#pack(files) : archive(files);
    return new OfferedJob({ id, configuration, variables, spec, ...applied });
  }

  async #pack(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
    const from = await mkdtemp(join(this.dir, "upload-"));
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(from, name)), { recursive: true });
      await writeFile(join(from, name), content);
    }
    await using packed = await packDirectory(from, { maxBytes: 1e8 });
    return await readFile(packed.file);
  }

  /** Starts an agent, and offers it a job. */
  async offered(wish: JobWish = {}): Promise<OfferedJob> {
    this.start();
    await this.connected();
    return this.offer(wish);
  }

  /** Offers a job to the agent that is connected. */
  async offer(wish: JobWish = {}): Promise<OfferedJob> {
    const job = await this.job(wish);
    this.plane.offer(job);
    return job;
  }

  /** The same, until its terraform stands still after its second line. */
  async holding(wish: JobWish = {}): Promise<OfferedJob> {
    const job = await this.offered({ holdAt: 2, ...wish });
    await this.held(job);
    return job;
  }

  async held(job: OfferedJob): Promise<void> {
    await this.until("terraform has printed two lines", async () =>
      (await this.engine.notes(job.id)).includes("holding"),
    );
  }

  /** Resolves when the job's result was acknowledged for good. */
  async sealed(job: OfferedJob, deadlineMs?: number): Promise<NonNullable<OfferedJob["result"]>> {
    return this.until("the job's result, with its whole log", () => job.result, deadlineMs);
  }

  /** How often terraform got a signal. */
  async signals(job: OfferedJob, name: "INT" | "TERM" = "INT"): Promise<number> {
    return (await this.engine.notes(job.id)).filter((note) => note === name).length;
  }

  /** Fails unless terraform was started once for the job. */
  async demandOnce(job: OfferedJob): Promise<void> {
    const { length } = await this.engine.executions(job.id);
    demand(length === 1, `terraform was started ${length} times for one job`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) await agent[Symbol.asyncDispose]();
    for (const pid of await this.engine.allExecutions()) await this.#endExecution(pid);
    await this.plane[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  /** Its pid may be another's by now. */
  async #endExecution(pid: number): Promise<void> {
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (command.includes(this.engine.directory)) process.kill(pid, "SIGKILL");
  }
}
