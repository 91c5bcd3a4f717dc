import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createAgentToken } from "../../src/control/agents/tokens.ts";
import { dispatchOnce } from "../../src/control/jobs/dispatcher.ts";
import { sweepOnce } from "../../src/control/runs/sweeper.ts";
import type { Run } from "../../src/domain/runs/run.ts";
import type { Workspace } from "../../src/domain/workspaces/workspace.ts";
import { type LogFields, memoryLog } from "../../src/lib/program/log.ts";
import type { Random } from "../../src/lib/random.ts";
import { isWindlassError } from "../../src/lib/words/errors.ts";
import { ref } from "../support/wanted.ts";
import { perform } from "./acts.ts";
import { checkSavedPlans, checkSessions, checkWorkspace } from "./checks.ts";
import { ControlPlane, type Storage } from "./control-plane.ts";
import { contentOf, Ledger, Violation } from "./ledger.ts";
import { ModelAgent } from "./model-agent.ts";
import { newRun } from "./people.ts";
import { deadMessage } from "./power.ts";
import type { Fate } from "./road.ts";
import type { Schedule, ScheduleStep } from "./schedule.ts";
import { seededRandom } from "./seeded-random.ts";
import type { Spoil } from "./spoils.ts";
import { type GivenText, stateFileOf, TerraformProcess } from "./terraform.ts";
import { quiet, turns } from "./turns.ts";
import { VirtualClock } from "./virtual-clock.ts";

const agentNames = ["a", "b", "clone"] as const;
const leaseOverMs = 601_000;

/** Everything that a schedule acts upon: a control plane and agents of the real code, on files of their own. */
export class World implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly ledger = new Ledger();
  readonly agents: readonly ModelAgent[];
  readonly processes: TerraformProcess[] = [];
  /** What happened, for people. */
  readonly trace: string[] = [];
  server: ControlPlane | undefined;
  readonly #dir: string;
  readonly storage: Storage;
  readonly #schedule: Schedule;
  readonly #spoil: Spoil;
  readonly #random: Random;
  readonly #records: readonly LogFields[];
  readonly #log;
  /** What agents register with. */
  token: { readonly id: string; readonly secret: string };
  #fates: Fate[] = [];
  /** Of all runs, oldest first. */
  readonly runIds: Run["id"][] = [];
  /** Runs that a person has let go of: what they started may still be at work. */
  readonly letGo = new Set<string>();
  #hasDied = false;

  private constructor(dir: string, storage: Storage, schedule: Schedule, spoil: Spoil) {
    this.#dir = dir;
    this.storage = storage;
    this.#schedule = schedule;
    this.#spoil = spoil;
    this.token = storage.agentToken;
    this.#random = seededRandom(schedule.seed);
    const { log, records } = memoryLog("error");
    this.#log = log;
    this.#records = records;
    this.agents = agentNames.map((name) => this.#newAgent(name));
  }

  /** A control plane, two agents that are connected, and one run. */
  static async open(dir: string, storage: Storage, schedule: Schedule, spoil: Spoil = {}): Promise<World> {
    mkdirSync(dir, { recursive: true });
    storage.reset();
    const world = new World(dir, storage, schedule, spoil);
    await world.startServer();
    for (const agent of world.agents.slice(0, 2)) await world.startAgent(agent);
    await newRun(world);
    await world.#begin(schedule.begins);
    return world;
  }

  async #begin(begins: Schedule["begins"]): Promise<void> {
    if (begins === "queued") return;
    await this.housekeeping();
    if (begins === "planning") return;
    for (const plan of this.processes) plan.end(2);
    await quiet();
    await this.housekeeping();
    if (begins === "applying") return;
    for (const agent of this.agents) if (agent.processes.length > 0) agent.road.close();
    await this.clock.jump(leaseOverMs);
    await this.housekeeping();
  }

  // ---- acts

  async step(step: ScheduleStep): Promise<void> {
    this.trace.push(JSON.stringify(step));
    this.#fates = [...step.fates];
    if (step.write !== undefined) this.server?.power.arm(step.write.fault, step.write.later);
    await perform(this, step.act).catch((error: unknown) => this.#tolerate(error));
    await (step.turns === undefined ? quiet() : turns(step.turns));
    await this.#settleDeaths();
    this.server?.power.disarm();
    for (const agent of this.agents) agent.line?.release();
    await this.check(step.turns === undefined);
  }

  /** What holds at every moment. */
  async check(isQuiet = true): Promise<void> {
    this.ledger.lookAtSpools(this.agents);
    this.ledger.throwIfBroken();
    this.#throwForErrors();
    if (this.server === undefined) return;
    this.ledger.checkLogs(this.server);
    await this.ledger.checkState(this.server, this.storage.workspaceId);
    await checkWorkspace(this, this.server);
    await checkSavedPlans(this, this.server);
    if (isQuiet) checkSessions(this);
  }

  /** From now on every message arrives. */
  forgetFates(): void {
    this.#fates = [];
  }

  /** One after the other: the order in which files of several agents are written is nobody's. */
  async startAgent(agent: ModelAgent): Promise<void> {
    await agent.start();
    await quiet();
  }

  openRoad(agent: ModelAgent): void {
    agent.road.open();
    agent.line?.reopened();
  }

  async startServer(): Promise<void> {
    await this.#settleDeaths();
    if (this.server !== undefined) return;
    const started = await ControlPlane.start({
      ...{ storage: this.storage, clock: this.clock, random: this.#random, log: this.#log, spoil: this.#spoil },
      onDeath: () => this.#serverDied(started),
    });
    this.server = started;
  }

  async flush(): Promise<void> {
    if (this.server !== undefined) await this.server.liveness.flush(this.server.control);
  }

  /** What windlassd does all the time: writes down who was heard, judges what is overdue, gives out what waits. */
  async housekeeping(): Promise<void> {
    await this.flush();
    if (this.server !== undefined) await sweepOnce(this.server.control);
    if (this.server !== undefined) await dispatchOnce(this.server.control);
    await quiet();
  }

  /** Gives agents a token that is good. */
  async renewToken(): Promise<void> {
    if (this.server === undefined) return;
    const wanted = { pool: ref("prod"), description: "", expiresInMs: 0 };
    const { token, secret } = await createAgentToken(this.server.control, this.storage.owner, wanted);
    this.token = { id: token.id, secret };
  }

  /** Oldest first. */
  async runs(): Promise<readonly Run[]> {
    const runs = await this.server?.rows.read((q) => q.runs.byIds(this.runIds));
    return (runs ?? []).toSorted((a, b) => this.runIds.indexOf(a.id) - this.runIds.indexOf(b.id));
  }

  async workspace(): Promise<Workspace | undefined> {
    return this.server?.rows.read((q) => q.workspaces.get(this.storage.workspaceId));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.agents) agent.crash({ isNoticed: true, isMachine: true, isTorn: false });
    this.server?.power.off();
    await this.#settleDeaths();
    await rm(this.#dir, { recursive: true, force: true });
  }

  // ---- inside

  #newAgent(name: string): ModelAgent {
    return new ModelAgent({
      name,
      dir: join(this.#dir, name),
      concurrency: this.#schedule.concurrency,
      clock: this.clock,
      random: this.#random,
      log: this.#log,
      token: () => this.token.secret,
      forgets: this.#spoil.forgets,
      network: {
        server: () => this.server,
        fateOf: (what) => this.#fateOf(name, what),
        observer: {
          fromAgent: (message) => this.ledger.fromAgent(message),
          fromServer: (_wire, message) => {
            this.#spoil.says?.(message);
            this.ledger.fromServer(message);
          },
        },
      },
      spawn: (agent, command) => this.#spawn(agent, command),
      onDiskLost: (keys) => this.ledger.diskLost(keys),
    });
  }

  #fateOf(agent: string, what: string): Fate {
    const fate = this.#fates.shift() ?? "deliver";
    this.trace.push(`  ${agent} ${what}${fate === "deliver" ? "" : ` ${fate.toUpperCase()}`}`);
    return fate;
  }

  #spawn(agent: ModelAgent, command: ConstructorParameters<typeof TerraformProcess>[0]["command"]): TerraformProcess {
    const { manners, lastSaves, hasQuickPlans, begins } = this.#schedule;
    const given = stateIn(stateFileOf(command));
    const manner = manners[this.processes.length % manners.length] ?? "obeys";
    const lastSave = lastSaves[this.processes.length % lastSaves.length] ?? "next";
    const process = new TerraformProcess({ command, manner, random: this.#random, given, lastSave });
    this.trace.push(`  ${agent.name} EXEC ${process.subcommand} ${process.runId}`);
    if (process.subcommand === "apply") this.ledger.executes(process, this.#appliesAlive());
    this.processes.push(process);
    if (process.subcommand === "show" || process.subcommand === "providers") process.end(0);
    const isFirst = this.processes.length === 1 && begins !== "queued";
    if (process.subcommand === "plan" && hasQuickPlans && !isFirst) process.end(2);
    return process;
  }

  /** Those that nobody else may run beside. */
  #appliesAlive(): readonly TerraformProcess[] {
    return this.processes.filter(
      ({ isAlive, subcommand, runId }) => isAlive && subcommand === "apply" && !this.letGo.has(runId),
    );
  }

  #serverDied(server: ControlPlane): void {
    this.trace.push("  the server is dead");
    if (this.server === server) this.server = undefined;
    this.#hasDied = true;
    for (const agent of this.agents) agent.line?.serverDied(server);
  }

  async #settleDeaths(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.settle()));
    if (!this.#hasDied) return;
    // What the dead process had begun to write is written before the next one reads.
    this.#hasDied = false;
    await quiet();
  }

  /** A refusal with a reason is an answer; what nobody foresaw is not. */
  #tolerate(error: unknown): void {
    if (isWindlassError(error) && error.code !== "internal") return;
    if (error instanceof Error && error.message === deadMessage) return;
    throw error;
  }

  /** Nothing may go wrong in a way that the code calls unforeseen. */
  #throwForErrors(): void {
    for (const record of this.#records.slice(this.#seenRecords)) {
      this.#seenRecords++;
      if (JSON.stringify(record).includes(deadMessage) || JSON.stringify(record).includes("refused by the schedule"))
        continue;
      if (record.msg === "a call failed" || record.msg === "the session failed")
        throw new Violation("no unforeseen error", JSON.stringify(record));
    }
  }
  #seenRecords = 0;
}

function stateIn(path: string): GivenText | undefined {
  const text = contentOf(path);
  return text === "" ? undefined : { ...JSON.parse(text), text };
}
