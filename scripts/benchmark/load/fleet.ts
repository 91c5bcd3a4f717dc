import type { TestServer } from "../../../test/support/scene.ts";
import { until } from "../../../test/support/until.ts";
import { now } from "../timing.ts";
import { Child } from "./children.ts";
import type { FleetNews, Grant } from "./fleet-agents.ts";

export interface FleetSize {
  readonly count: number;
  /** Of each job's log; 0 if absent. */
  readonly logBytes?: number;
  /** Of an earlier pool; a new one if absent. */
  readonly pool?: string;
}

type LoggedNews = Extract<FleetNews, { kind: "logged" }>;

/** How long a fleet may take to come on a slow, busy machine. */
const longestMs = (count: number): number => 120_000 + count * 60;

/** Simulated agents of a server, in a process of their own. */
export class Fleet implements AsyncDisposable {
  readonly pool: string;
  /** How long it took until all were connected. */
  readonly connectedMs: number;
  readonly logs: LoggedNews[] = [];
  readonly #child: Child<FleetNews>;
  readonly #count: number;
  readonly #grants = new Map<string, number>();
  #sealed = 0;
  #lastAtMs = 0;

  private constructor(
    pool: string,
    child: Child<FleetNews>,
    { count, connectedMs }: { readonly count: number; readonly connectedMs: number },
  ) {
    this.pool = pool;
    this.#count = count;
    this.#child = child;
    this.connectedMs = connectedMs;
    child.listen((news) => this.#hear(news));
  }

  /** Starts them and waits until all are connected. */
  static async connect({ api, url }: TestServer, { count, logBytes = 0, ...size }: FleetSize): Promise<Fleet> {
    const pool = size.pool ?? (await api.pool());
    const token = (await api.token(pool)).secret;
    const args = [url, String(count), String(logBytes)];
    const startedAt = now();
    const child = new Child<FleetNews>(new URL("fleet-agents.ts", import.meta.url), args, { FLEET_TOKEN: token });
    try {
      await child.next("all-connected", longestMs(count));
    } catch (error) {
      await child[Symbol.asyncDispose]();
      throw error;
    }
    return new Fleet(pool, child, { count, connectedMs: now() - startedAt });
  }

  /** When the fleet has connected again, all of it. */
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
