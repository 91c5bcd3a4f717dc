import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createAgentToken, revokeAgentToken } from "../../src/control/agent-tokens.ts";
import { dispatchOnce } from "../../src/control/dispatcher.ts";
import { cancelRun } from "../../src/control/run-decisions.ts";
import { createRun } from "../../src/control/runs.ts";
import { sweepOnce } from "../../src/control/sweeper.ts";
import type { Run } from "../../src/domain/run.ts";
import type { Workspace } from "../../src/domain/workspace.ts";
import { isWindlassError } from "../../src/lib/errors.ts";
import { type LogFields, memoryLog } from "../../src/lib/log.ts";
import type { Random } from "../../src/lib/random.ts";
import { ref } from "../support/wanted.ts";
import { ControlPlane, type Spoil, type Storage, workspaceName } from "./control-plane.ts";
import { contentOf, Ledger, Violation } from "./ledger.ts";
import { ModelAgent } from "./model-agent.ts";
import { deadMessage } from "./power.ts";
import type { Fate } from "./road.ts";
import type { Act, Schedule, ScheduleStep } from "./schedule.ts";
import { seededRandom } from "./seeded-random.ts";
import { TerraformProcess } from "./terraform.ts";
import { quiet, turns } from "./turns.ts";
import { VirtualClock } from "./virtual-clock.ts";

const maxRuns = 3;
const agentNames = ["a", "b", "clone"] as const;

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
  readonly #storage: Storage;
  readonly #schedule: Schedule;
  readonly #spoil: Spoil;
  readonly #random: Random;
  readonly #records: readonly LogFields[];
  readonly #log;
  #token: { readonly id: string; readonly secret: string };
  #fates: Fate[] = [];
  #runs: string[] = [];
  #hasDied = false;
  #workspaceId: Workspace["id"] | undefined;

  private constructor(dir: string, storage: Storage, schedule: Schedule, spoil: Spoil) {
    this.#dir = dir;
    this.#storage = storage;
    this.#schedule = schedule;
    this.#spoil = spoil;
    this.#token = storage.agentToken;
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
    const workspace = await world.server?.rows.read(async (q) => {
      const { organizationId } = storage.owner;
      return organizationId === null ? undefined : q.workspaces.byName(organizationId, workspaceName);
    });
    world.#workspaceId = workspace?.id;
    for (const agent of world.agents.slice(0, 2)) await agent.start();
    await quiet();
    await world.#newRun();
    return world;
  }

  // ---- acts

  async step(step: ScheduleStep): Promise<void> {
    this.trace.push(JSON.stringify(step));
    this.#fates = [...step.fates];
    if (step.write !== undefined) this.server?.power.arm(step.write.fault, step.write.later);
    await this.#act(step.act).catch((error: unknown) => this.#tolerate(error));
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
    await this.ledger.checkState(this.server, this.#workspaceId ?? "");
    await this.#checkHolder();
    if (isQuiet) this.#checkSessions();
  }

  async #act(act: Act): Promise<void> {
    const server = this.server;
    switch (act.kind) {
      case "new run":
        return this.#newRun();
      case "offer":
        if (server !== undefined) await dispatchOnce(server.control);
        return;
      case "work":
        return this.#withProcess(act.process, (process) => {
          process.print(act.lines);
          if (act.saves && process.subcommand === "apply") process.saveState();
        });
      case "end":
        return this.#withProcess(act.process, (process) => {
          if (act.how === "killed") process.dies({ kind: "signaled", signal: "SIGKILL" });
          else process.end(act.how === "fails" ? 1 : process.subcommand === "plan" ? 2 : 0);
        });
      case "tick":
        return this.clock.advance(act.ms);
      case "beat":
        await this.clock.advance(12_000);
        return this.flush();
      case "cancel":
        return this.#cancel(act.run, false);
      case "force":
        return this.#cancel(act.run, true);
      case "revoke":
        if (server === undefined) return;
        await revokeAgentToken(server.control, this.#storage.owner, { id: this.#token.id, stopsJobs: act.stopsJobs });
        return;
      case "expire":
        await this.clock.jump(act.ms);
        if (this.server !== undefined) await sweepOnce(this.server.control);
        return;
      default:
        return this.#fault(act);
    }
  }

  async #fault(act: Act): Promise<void> {
    switch (act.kind) {
      case "agent dies":
        return this.#agent(act.agent).crash(act);
      case "agent starts":
        return this.#agent(act.agent).start();
      case "disk wiped":
        return this.#agent(act.agent).wipe(act);
      case "clone":
        await this.agents[2]?.impersonate(this.#agent(act.of));
        return this.agents[2]?.start();
      case "road closes":
        return this.#agent(act.agent).road.close();
      case "road opens":
        return this.openRoad(this.#agent(act.agent));
      case "stream cut":
        return this.#agent(act.agent).line?.cut();
      case "server dies":
        return this.server?.power.off();
      case "server starts":
        return this.startServer();
    }
  }

  /** What the programs logged as errors. */
  get errors(): readonly LogFields[] {
    return this.#records;
  }

  /** From now on every message arrives. */
  forgetFates(): void {
    this.#fates = [];
  }

  openRoad(agent: ModelAgent): void {
    agent.road.open();
    agent.line?.reopened();
  }

  async startServer(): Promise<void> {
    await this.#settleDeaths();
    if (this.server !== undefined) return;
    const started = await ControlPlane.start({
      ...{ storage: this.#storage, clock: this.clock, random: this.#random, log: this.#log, spoil: this.#spoil },
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
    const { token, secret } = await createAgentToken(this.server.control, this.#storage.owner, wanted);
    this.#token = { id: token.id, secret };
  }

  async runs(): Promise<readonly Run[]> {
    if (this.server === undefined) return [];
    return this.server.rows.read((q) => q.runs.byIds(this.#runs as Run["id"][]));
  }

  async workspace(): Promise<Workspace | undefined> {
    const id = this.#workspaceId;
    return id === undefined ? undefined : this.server?.rows.read((q) => q.workspaces.get(id));
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
      token: () => this.#token.secret,
      network: {
        server: () => this.server,
        fateOf: (what) => this.#fateOf(name, what),
        observer: {
          fromAgent: (message) => this.ledger.fromAgent(message),
          fromServer: (_wire, message) => this.ledger.fromServer(message),
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
    const { manners, hasQuickPlans } = this.#schedule;
    const given = stateIn(join(command.cwd, "terraform.tfstate"));
    const manner = manners[this.processes.length % manners.length] ?? "obeys";
    const process = new TerraformProcess({ command, manner, random: this.#random, given });
    this.trace.push(`  ${agent.name} EXEC ${process.subcommand} ${process.runId}`);
    if (process.subcommand === "apply") this.ledger.executes(process, this.#appliesAlive());
    this.processes.push(process);
    if (process.subcommand === "show") process.end(0);
    if (process.subcommand === "plan" && hasQuickPlans) process.end(2);
    return process;
  }

  #appliesAlive(): readonly TerraformProcess[] {
    return this.processes.filter(({ isAlive, subcommand }) => isAlive && subcommand === "apply");
  }

  #agent(index: number): ModelAgent {
    const agent = this.agents[index % this.agents.length];
    if (agent === undefined) throw new Error("there are agents");
    return agent;
  }

  #withProcess(index: number, act: (process: TerraformProcess) => void): void {
    const alive = this.processes.filter(({ isAlive }) => isAlive);
    const process = alive[index % Math.max(1, alive.length)];
    if (process !== undefined) act(process);
  }

  async #newRun(): Promise<void> {
    if (this.server === undefined || this.#runs.length >= maxRuns) return;
    const view = await createRun(this.server.control, this.#storage.owner, {
      workspace: ref(workspaceName),
      configurationId: "",
      options: { ...plainRun, isAutoApply: true },
      message: "",
      requestId: "",
    });
    this.#runs.push(view.run.id);
  }

  async #cancel(index: number, isForced: boolean): Promise<void> {
    const id = this.#runs[index % Math.max(1, this.#runs.length)];
    if (this.server === undefined || id === undefined) return;
    await cancelRun(this.server.control, this.#storage.owner, { id, isForced, comment: "" });
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

  /** I2: a run that is at work holds the workspace. */
  async #checkHolder(): Promise<void> {
    const lock = (await this.workspace())?.lock;
    const atWork = (await this.runs()).filter(({ status }) => working.has(status));
    for (const run of atWork)
      if (lock?.kind !== "run" || lock.runId !== run.id)
        throw new Violation("I2", `${run.id} is ${run.status} and does not hold the workspace`);
    if (atWork.length > 1) throw new Violation("I2", `${atWork.length} runs are at work in one workspace`);
  }

  /** I17: of all streams of one identity the server serves one. */
  #checkSessions(): void {
    const open = this.agents
      .flatMap((agent) => agent.line?.wires ?? [])
      .filter((wire) => wire.isOpenAtServer && wire.server === this.server && wire.sessionEpoch > 0n);
    for (const [incarnation, wires] of Map.groupBy(open, (wire) => wire.incarnation))
      if (wires.length > 1)
        throw new Violation("I17", `${wires.length} streams of the identity ${incarnation} are served at once`);
  }
}

const working: ReadonlySet<Run["status"]> = new Set(["plan_queued", "planning", "planned", "apply_queued", "applying"]);

const plainRun = {
  isPlanOnly: false,
  isDestroy: false,
  skipsRefresh: false,
  isRefreshOnly: false,
  targets: [],
  replacements: [],
  variables: [],
  engineVersion: "",
  allowsEmptyApply: true,
  parallelism: 0,
};

function stateIn(path: string): { readonly lineage: string; readonly serial: number } | undefined {
  const text = contentOf(path);
  return text === "" ? undefined : JSON.parse(text);
}
