import { setImmediate as nextTurn } from "node:timers/promises";
import { WakeUps } from "../../lib/async/wake-ups.ts";
import type { RowChange } from "../../store/ports/change-feed.ts";
import type { NoticeLine } from "../../store/ports/notices.ts";
import type { Control } from "../core/control.ts";
import { noticeTexts, readNotice } from "./notice-text.ts";

/** PostgreSQL takes a lock over all databases to send a notice: what follows the last one is gathered for so long. */
const gatherMs = 10;
/** The same where nothing but logs has grown. */
const gatherLogsMs = 50;
/** Texts that are sent together; what needs more of them is told as a whole. */
const mostTexts = 8;
/** After a failure. */
const againMs = 1_000;
/** Changes that are held back for the next notice, and topics. */
const mostPending = 5_000;

const pendingTopic = "pending";
const isOfLog = (topic: string): boolean => topic.startsWith("log/");

/**
 * Tells the other replicas what was notified and committed here, and passes on here what they tell: the first at once, then little
 * by little. Nothing is sent while there is no other.
 */
export class Announcer {
  readonly #control: Control;
  readonly #line: NoticeLine;
  readonly #wake: WakeUps;
  /** Called when the others could not be told something. */
  readonly #onLoss: () => void;
  #topics = new Set<string>();
  #changes = new Map<string, RowChange>();
  #isAll = false;

  constructor(control: Control, line: NoticeLine, onLoss: () => void) {
    this.#control = control;
    this.#line = line;
    this.#onLoss = onLoss;
    this.#wake = new WakeUps(control.clock);
    control.wake.relay((topic) => this.#note(() => this.#topics.add(topic)));
    control.store.changes.relay((changes) => this.#note(() => this.#noteChanges(changes)));
  }

  /** Hears the others from now on. */
  listen(): Promise<void> {
    return this.#line.listen({ hear: (text) => this.#hear(text), miss: () => this.missed() });
  }

  /** Others may have told something that has not come here: everybody here reads again. */
  missed(): void {
    const { wake, store, random } = this.#control;
    store.changes.renew(random.uuid());
    wake.hearAll();
  }

  /** The others may not know what has happened here. */
  tellAll(): void {
    this.#note(() => {
      this.#isAll = true;
    });
  }

  /** Tells what there is until the signal is aborted, and what is left then. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#control;
    while (!signal.aborted) {
      const seen = this.#wake.version(pendingTopic);
      if (!this.#hasNews) await this.#wake.changedSince(pendingTopic, seen, { signal }).catch(() => {});
      // What is notified together is told together.
      await nextTurn();
      const isTold = await this.#tell();
      await clock.sleep(isTold ? gatherMs : againMs, signal).catch(() => {});
      if (isTold && this.#isOfLogs) await this.#rest(signal);
    }
    await this.#tell();
  }

  /** Waits for more; what is no log ends the wait. */
  async #rest(signal: AbortSignal): Promise<void> {
    const { clock } = this.#control;
    const untilMs = clock.monotonicMs() + gatherLogsMs - gatherMs;
    for (let leftMs = gatherLogsMs - gatherMs; leftMs > 0 && this.#isOfLogs && !signal.aborted; ) {
      const seen = this.#wake.version(pendingTopic);
      await this.#wake.changedSince(pendingTopic, seen, { timeoutMs: leftMs, signal }).catch(() => {});
      leftMs = untilMs - clock.monotonicMs();
    }
  }

  get #hasNews(): boolean {
    return this.#isAll || this.#topics.size + this.#changes.size > 0;
  }

  get #isOfLogs(): boolean {
    return !this.#isAll && this.#changes.size === 0 && this.#topics.size > 0 && [...this.#topics].every(isOfLog);
  }

  #note(add: () => void): void {
    if (this.#control.replicas.isAlone) return;
    add();
    if (this.#topics.size + this.#changes.size > mostPending) this.#isAll = true;
    this.#wake.notify(pendingTopic);
  }

  #noteChanges(changes: readonly RowChange[]): void {
    for (const change of changes) {
      const key = `${change.kind} ${change.id}`;
      this.#changes.delete(key);
      this.#changes.set(key, change);
    }
  }

  /** False if it could not be told: then all is told later. */
  async #tell(): Promise<boolean> {
    const { replicas, log } = this.#control;
    if (!this.#hasNews) return true;
    const news = { topics: [...this.#topics], changes: [...this.#changes.values()], isAll: this.#isAll };
    this.#topics = new Set();
    this.#changes = new Map();
    this.#isAll = false;
    if (replicas.isAlone) return true;
    const bounds = { maxBytes: this.#line.maxBytes, most: mostTexts };
    const notice = { from: replicas.id, ...news };
    const texts = noticeTexts(notice, bounds) ?? noticeTexts({ ...notice, isAll: true }, bounds) ?? [];
    try {
      await this.#line.send(texts);
      return true;
    } catch (err) {
      log.warn({ err }, "the other replicas could not be told what has changed: they are told later");
      this.#isAll = true;
      this.#onLoss();
      return false;
    }
  }

  #hear(text: string): void {
    const { replicas, wake, store, log } = this.#control;
    const notice = readNotice(text);
    if (notice === undefined) log.warn({ bytes: text.length }, "a notice of another program cannot be read");
    if (notice === undefined || notice.from === replicas.id) return;
    store.changes.hear(notice.changes);
    if (notice.isAll) this.missed();
    for (const topic of notice.topics) wake.hear(topic);
  }
}
