import { create, equals } from "@bufbuild/protobuf";
import { type AgentEngines, AgentEnginesSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/program/log.ts";
import type { EngineInventory } from "../../terraform/engines/engine-store.ts";
import { jobEngineOf } from "../contract/engine-name.ts";

/** By protocol. */
const mostPrograms = 64;
const longestSource = 256;
/** How often it is looked whether somebody has installed or removed something. */
const lookEveryMs = 15_000;

export interface EngineNewsOptions {
  readonly read: () => Promise<EngineInventory>;
  /** Hears that something else is there than before. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the control plane is told of this agent's programs. */
export class EngineNews {
  readonly #options: EngineNewsOptions;
  #told: AgentEngines | undefined;
  #looking: Promise<void> | undefined;
  #isStale = false;
  #lookedAtMs = 0;
  #problems = "";

  constructor(options: EngineNewsOptions) {
    this.#options = options;
  }

  /** As it was last seen; undefined before the first look. */
  get told(): AgentEngines | undefined {
    return this.#told;
  }

  /** Looks again. A look that is on its way may be too old: another one follows it. */
  look(): Promise<void> {
    this.#isStale = true;
    this.#looking ??= this.#lookUntilFresh().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** The same, if the last look is a while ago. */
  lookSometimes(): void {
    if (this.#options.clock.monotonicMs() - this.#lookedAtMs >= lookEveryMs) void this.look();
  }

  async #lookUntilFresh(): Promise<void> {
    while (this.#isStale) {
      this.#isStale = false;
      this.#lookedAtMs = this.#options.clock.monotonicMs();
      try {
        const inventory = await this.#options.read();
        this.#warn(inventory.problems);
        this.#know(announcement(inventory));
      } catch (error) {
        this.#options.log.warn({ err: error }, "which programs are here cannot be seen");
      }
    }
  }

  /** Once, until it is another problem. */
  #warn(problems: readonly string[]): void {
    const told = problems.join("; ");
    if (told !== this.#problems && told !== "") this.#options.log.warn({ problems: told }, "a program cannot be used");
    this.#problems = told;
  }

  #know(engines: AgentEngines): void {
    if (this.#told !== undefined && equals(AgentEnginesSchema, this.#told, engines)) return;
    this.#told = engines;
    this.#options.onChange();
  }
}

const announcement = ({ programs, downloads }: EngineInventory): AgentEngines =>
  create(AgentEnginesSchema, {
    programs: programs.slice(0, mostPrograms).map(({ engine, version }) => ({ engine: jobEngineOf(engine), version })),
    downloads: downloads.map(({ engine, source }) => ({
      engine: jobEngineOf(engine),
      source: source.slice(0, longestSource),
    })),
  });
