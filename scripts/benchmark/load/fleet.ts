import type { TestServer } from "../../../test/support/scene.ts";
import { until } from "../../../test/support/until.ts";
import { now } from "../timing.ts";
import { Child } from "./children.ts";
import type { FleetNews, Grant } from "./fleet-agents.ts";

export interface FleetSize {
  readonly count: number;
  /** Of each job's log; 0 if absent. */
  readonly logBytes?: number;
  /** Whether offers wait for `beginStarts`; an offer waits for a minute at most. */
  readonly holds?: boolean;
  /** Of an earlier pool; a new one if absent. */
  readonly pool?: string;
}

type LoggedNews = Extract<FleetNews, { kind: "logged" }>;

/** How long a fleet may take to come on a slow, busy machine. */
const longestMs = (count: number): number => 120_000 + count * 60;

/** Simulated agents of a server, in a process of their own. */
export class Fleet implements AsyncDisposable {
  readonly pool: string;
  readonly logs: LoggedNews[] = [];
  readonly #count: number;
  readonly #child: Child<FleetNews>;
  readonly #grants = new Map<string, number>();
  #connectedMs = 0;
  #sealed = 0;
  #lastAtMs = 0;

  private constructor(pool: string, count: number, child: Child<FleetNews>) {
    this.pool = pool;
    this.#count = count;
    this.#child = child;
    child.listen((news) => this.#hear(news));
  }

  /** Starts them and waits until all are connected; those that come first may work before the last one is there. */
  static async connect(
    { api, url }: TestServer,
    { count, logBytes = 0, holds = false, ...size }: FleetSize,
  ): Promise<Fleet> {
    const pool = size.pool ?? (await api.pool());
    const token = (await api.token(pool)).secret;
    const args = [url, String(count), String(logBytes), ...(holds ? ["hold"] : [])];
    const startedAt = now();
    const child = new Child<FleetNews>(new URL("fleet-agents.ts", import.meta.url), args, { FLEET_TOKEN: token });
    const fleet = new Fleet(pool, count, child);
    try {
      await fleet.back();
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
    fleet.#connectedMs = now() - startedAt;
    return fleet;
  }

  /** How long it took until all were connected. */
  get connectedMs(): number {
    return this.#connectedMs;
  }

  /** Resolves when all are connected, the next time. */
  back(): Promise<unknown> {
    return this.#child.next("all-connected", longestMs(this.#count));
  }

  /** How long the heartbeats took since the last time. */
  async heartbeats(): Promise<readonly number[]> {
    this.#child.say({ kind: "heartbeats" });
    return (await this.#child.next("heartbeats")).ms;
  }

  beginLogs(): void {
    this.#child.say({ kind: "logs" });
  }

  beginStarts(): void {
    this.#child.say({ kind: "starts" });
  }

  /** How many runs have ended. */
  get sealed(): number {
    return this.#sealed;
  }

  /** When the last of them did, in milliseconds since 1970. */
  get lastAtMs(): number {
    return this.#lastAtMs;
  }

  get grants(): ReadonlyMap<string, number> {
    return this.#grants;
  }

  async untilSealed(count: number, deadlineMs = 300_000): Promise<void> {
    const look = () => this.#sealed >= count;
    await until(`${count} runs have ended`, look, { deadlineMs, everyMs: 5, seen: () => this.#sealed });
  }

  async untilGranted(runId: string): Promise<number> {
    return until(`run ${runId} is granted`, () => this.#grants.get(runId), { deadlineMs: 60_000, everyMs: 2 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }

  #hear(news: FleetNews): void {
    if (news.kind === "logged") this.logs.push(news);
    if (news.kind !== "jobs") return;
    for (const [runId, atMs] of news.granted satisfies readonly Grant[]) this.#grants.set(runId, atMs);
    this.#sealed += news.sealed;
    this.#lastAtMs = Math.max(this.#lastAtMs, news.lastAtMs);
  }
}
