import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type RunningAgent, startAgent } from "../../../src/agent/agent.ts";
import type { AgentConfig } from "../../../src/agent/contract/config.ts";
import { packDirectory } from "../../../src/lib/archive/pack.ts";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { readEnvironment } from "../../../src/lib/environment.ts";
import { type LogFields, memoryLog } from "../../../src/lib/program/log.ts";
import { systemRandom } from "../../../src/lib/random.ts";
import { FakeControlPlane } from "./fake-control-plane.ts";

/** A place for agents under test: directories of their own, and a control plane. Dispose it to end everything. */
export class AgentPlace implements AsyncDisposable {
  readonly dir: string;
  readonly controlPlane = new FakeControlPlane();
  /** How often agents have given their connections up. */
  hangUps = 0;
  readonly #records: (readonly LogFields[])[] = [];
  readonly #agents: RunningAgent[] = [];

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async make(): Promise<AgentPlace> {
    return new AgentPlace(await mkdtemp(join(tmpdir(), "windlass-agent-")));
  }

  path(...segments: string[]): string {
    return join(this.dir, ...segments);
  }

  /** Starts an agent; one of the same name is the same agent again. */
  start(name = "a", config: Partial<AgentConfig> = {}, clock: Clock = systemClock): RunningAgent {
    const { log, records } = memoryLog();
    this.#records.push(records);
    const agent = startAgent({
      transport: this.controlPlane.transport,
      route: {
        address: undefined,
        stay: () => {},
        leave: () => false,
        hangUp: () => {
          this.hangUps++;
        },
      },
      token: async () => "wdl_agt_test",
      clock,
      random: { ...systemRandom, fraction: () => 0.1 },
      log,
      config: {
        dataDir: this.path(name),
        workRoot: this.path("work"),
        name,
        labels: {},
        concurrency: 4,
        version: "1.2.3",
        isServerAgent: false,
        searchPath: readEnvironment().PATH ?? "",
        sandbox: "none",
        minFreeBytes: 0,
        ...config,
      },
    });
    this.#agents.push(agent);
    return agent;
  }

  /** Everything that agents have logged, oldest first. */
  get records(): readonly LogFields[] {
    return this.#records.flat();
  }

  /** Removes something from an agent's data directory. */
  async forget(path: string, name = "a"): Promise<void> {
    await rm(this.path(name, path), { recursive: true, force: true });
  }

  /** Directories of jobs that an agent still has. */
  async jobDirectories(name = "a"): Promise<readonly string[]> {
    return readdir(this.path(name, "jobs")).catch(() => []);
  }

  read(...segments: string[]): Promise<string> {
    return readFile(this.path(...segments), "utf8").catch(() => "");
  }

  write(name: string, content = ""): Promise<void> {
    return writeFile(this.path(name), content);
  }

  /** Packs files as an uploaded configuration. */
  async pack(files: Readonly<Record<string, string | Uint8Array>>): Promise<Uint8Array> {
    const from = await mkdtemp(join(this.dir, "upload-"));
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(from, name)), { recursive: true });
      await writeFile(join(from, name), content);
    }
    await using packed = await packDirectory(from, { maxBytes: 1e8 });
    return await readFile(packed.file);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) await agent[Symbol.asyncDispose]();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** Resolves with the first answer that is neither false nor undefined; polls, and gives up after a deadline. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  what: string,
  deadlineMs = 20_000,
): Promise<NonNullable<T>> {
  const startedMs = systemClock.monotonicMs();
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (systemClock.monotonicMs() - startedMs > deadlineMs) throw new Error(`did not come true in time: ${what}`);
    await systemClock.sleep(10);
  }
}
