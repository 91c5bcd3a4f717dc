import type pg from "pg";
import { type BackoffPolicy, backoffMs } from "../../lib/async/backoff.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { connectPostgres, cut, promptMs } from "../postgres/connections.ts";
import { DatabaseRoute } from "../postgres/route.ts";
import type { DatabasePlace } from "../postgres/settings.ts";
import { unreachable } from "../postgres/unreachable.ts";
import type { StoreLog } from "./engine.ts";
import type { NoticeLine, NoticeListener } from "./notice-line.ts";

/** The database is named past a pooler of transactions: LISTEN does not work through it. */
export interface NoticeOptions extends DatabasePlace {
  readonly log: StoreLog;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether somebody may have something to say: as long as nobody does, the connection is not tried. */
  readonly isNeeded: () => boolean;
}

const channel = "windlass";
/** What this process says to itself, to know that the connection carries. */
const self = "";
/** How often it does, and how long it waits for that. */
const selfMs = 10_000;
const silenceMs = 15_000;
const again: BackoffPolicy = { firstMs: 100, capMs: 5_000 };
/** While it cannot listen, it is taken every so often that something was missed. */
const missMs = 10_000;

/** `LISTEN` and `NOTIFY` on a connection of their own, which is made again whenever it is lost. */
export class PostgresNotices implements NoticeLine {
  /** PostgreSQL refuses 8,000 bytes. */
  readonly maxBytes = 7_999;
  readonly #options: NoticeOptions;
  readonly #route: DatabaseRoute;
  readonly #closing = new AbortController();
  #client: pg.Client | undefined;
  #heardMs = 0;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: NoticeOptions) {
    this.#options = options;
    this.#route = new DatabaseRoute(options);
  }

  async listen(listener: NoticeListener): Promise<void> {
    const client = await this.#connect(listener);
    this.#loop = this.#keep(client, listener);
  }

  async send(texts: readonly string[]): Promise<void> {
    if (texts.length === 0) return;
    const client = this.#client;
    if (client === undefined) throw new WindlassError("storage_unavailable", "the connection of notices is away");
    const calls = texts.map((_, at) => `pg_notify('${channel}', $${at + 1})`);
    await client.query(`SELECT ${calls.join(", ")}`, [...texts]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#loop;
    await this.#client?.end().catch(() => {});
    this.#client = undefined;
  }

  async #connect(listener: NoticeListener): Promise<pg.Client> {
    const { clock } = this.#options;
    let client: pg.Client | undefined;
    try {
      client = await connectPostgres(this.#route, "windlassd notices", promptMs);
      client.on("notification", ({ payload = "" }) => {
        this.#heardMs = clock.monotonicMs();
        if (payload !== self) listener.hear(payload);
      });
      // What is lost with the database's machine is a hint: nobody has to wait for its disk.
      await client.query(`SET synchronous_commit = off; LISTEN ${channel}`);
    } catch (cause) {
      await client?.end().catch(() => {});
      throw unreachable(cause);
    }
    this.#client = client;
    this.#heardMs = clock.monotonicMs();
    return client;
  }

  async #keep(first: pg.Client, listener: NoticeListener): Promise<void> {
    const { log } = this.#options;
    for (let client: pg.Client | undefined = first; client !== undefined; ) {
      await this.#untilSilent(client);
      this.#client = undefined;
      if (this.#closing.signal.aborted) return void (await this.#endPolitely(client));
      // One that is dead may never say that it has ended, and keeps what was sent waiting.
      cut(client);
      log.warn({}, "the connection of notices was lost: it is made again");
      client = await this.#reconnect(listener);
      if (client === undefined) return;
      log.warn({}, "notices are heard again");
      listener.miss();
    }
  }

  async #endPolitely(client: pg.Client): Promise<void> {
    const patience = new AbortController();
    const late = this.#options.clock.sleep(1_000, patience.signal).catch(() => {});
    await Promise.race([client.end().catch(() => {}), late]);
    patience.abort();
    cut(client);
  }

  /** Resolves when the connection has ended, carries nothing any more, or is not wanted. */
  async #untilSilent(client: pg.Client): Promise<void> {
    const { clock, isNeeded } = this.#options;
    const over = new AbortController();
    client.once("end", () => over.abort());
    const stop = AbortSignal.any([over.signal, this.#closing.signal]);
    for (let wasNeeded = false; !stop.aborted; ) {
      if (wasNeeded && clock.monotonicMs() - this.#heardMs > silenceMs) return;
      // What has not been tried for a while counts from now.
      if (!wasNeeded) this.#heardMs = clock.monotonicMs();
      wasNeeded = isNeeded();
      if (wasNeeded) client.query(`SELECT pg_notify('${channel}', '${self}')`).catch(() => {});
      await clock.sleep(wasNeeded ? Math.min(selfMs, silenceMs) : selfMs, stop).catch(() => {});
    }
  }

  async #reconnect(listener: NoticeListener): Promise<pg.Client | undefined> {
    const { clock, random } = this.#options;
    let missedMs = clock.monotonicMs();
    for (let failures = 1; !this.#closing.signal.aborted; failures += 1) {
      try {
        return await this.#connect(listener);
      } catch {
        if (clock.monotonicMs() - missedMs > missMs) {
          missedMs = clock.monotonicMs();
          listener.miss();
        }
        await clock.sleep(backoffMs(again, failures, random), this.#closing.signal).catch(() => {});
      }
    }
    return undefined;
  }
}
