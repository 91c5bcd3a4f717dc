import type { AgentEngines } from "../../domain/agents/agent.ts";
import { type JobFeature, jobFeatures } from "../../domain/runs/job-features.ts";
import type { AgentEngines as Announced } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import { JobFeature as Announcement } from "../../gen/windlass/agent/v1/job_pb.ts";
import { engineOf } from "../jobs/engine.ts";

/** What an agent announces, without engines that this server does not know. */
export const enginesOf = ({ programs, downloads }: Announced): AgentEngines => ({
  programs: programs.flatMap(({ engine, version }) => {
    const known = engineOf(engine);
    return known === null ? [] : [{ engine: known, version }];
  }),
  downloads: downloads.flatMap(({ engine, source }) => {
    const known = engineOf(engine);
    return known === null ? [] : [{ engine: known, source }];
  }),
});

/** By protocol. */
const featuresOnWire: Readonly<Record<JobFeature, Announcement>> = {
  excludes: Announcement.EXCLUDES,
  suppress_forget_errors: Announcement.SUPPRESS_FORGET_ERRORS,
  generate_configuration: Announcement.GENERATE_CONFIGURATION,
  debug: Announcement.DEBUG,
};

/** Which options of jobs an agent says that it knows. */
export const knownFeatures = (announced: readonly Announcement[]): ReadonlySet<JobFeature> =>
  new Set(jobFeatures.filter((feature) => announced.includes(featuresOnWire[feature])));

/** How long an agent that could not have a program is passed over for it: a download may work later. */
const unmetMs = 300_000;
/** How many such wishes are remembered of one agent. */
const mostUnmet = 100;

interface Unmet {
  readonly why: string;
  readonly atMs: number;
}

const nothingUnmet: ReadonlyMap<string, string> = new Map();

/** What one agent could not have lately, whatever it announces. */
export class UnmetRequirements {
  readonly #wishes = new Map<string, Unmet>();

  note(wish: string, unmet: Unmet): void {
    this.#wishes.delete(wish);
    this.#wishes.set(wish, unmet);
    const [oldest] = this.#wishes.keys();
    if (this.#wishes.size > mostUnmet && oldest !== undefined) this.#wishes.delete(oldest);
  }

  /** Why, by the wish's text. */
  at(nowMs: number): ReadonlyMap<string, string> {
    // Each look at the queue asks each agent, and most could have everything.
    if (this.#wishes.size === 0) return nothingUnmet;
    const recent = [...this.#wishes].filter(([, { atMs }]) => nowMs - atMs < unmetMs);
    return new Map(recent.map(([wish, { why }]) => [wish, why]));
  }

  clear(): void {
    this.#wishes.clear();
  }
}
