import { createHash } from "node:crypto";
import type { AgentUpdate, AgentUpdateWish } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";
import type { Clock } from "../../lib/clock.ts";
import { failpoint } from "../../lib/program/failpoint.ts";
import type { Log } from "../../lib/program/log.ts";
import { messageOf } from "../../lib/values/errors.ts";
import type { UpdateConfig, UpdateTalk } from "../contract/update-talk.ts";
import { isOutOfSpace } from "../disk/durable-files.ts";
import { bringRelease } from "./bring.ts";
import { type ChosenRelease, chooseRelease, trustManifest, type UpdateRules } from "./check.ts";
import type { SignedManifest, UpdateManifest } from "./manifest.ts";
import { readUpdateRecord, type UpdateRecord, withBadVersion, writeUpdateRecord } from "./record.ts";
import { refusal, type UpdateRefusal } from "./refusal.ts";
import { type RevertNote, Slots } from "./slots.ts";
import type { UpdateSource } from "./sources.ts";
import { type UpdateStatus, updateMessage } from "./status.ts";
import { Trial } from "./trial.ts";

/** Which moments are good for a switch. */
export interface UpdateMoments {
  /** Nothing is held, and nothing comes. */
  readonly isIdle: () => boolean;
  /** The agent leaves: what it was told would be forgotten. */
  readonly isLeaving: () => boolean;
  /** Calls back when either may have changed. */
  readonly onChange: (listener: () => void) => Disposable;
}

export interface UpdaterOptions {
  readonly config: UpdateConfig;
  readonly dataDir: string;
  readonly version: string;
  /** Why this agent does not update itself; undefined if it does. */
  readonly obstacle: string | undefined;
  readonly minFreeBytes: number;
  readonly source: UpdateSource;
  readonly serverVersion: () => string;
  readonly moments: UpdateMoments;
  readonly clock: Clock;
  readonly log: Log;
}

/** How the updater wants the process to end; `stopped` if it does not. */
export type UpdaterEnd =
  | { readonly kind: "switching"; readonly version: string }
  | { readonly kind: "given_up" }
  | { readonly kind: "stopped" };

/** After which time something that was refused is looked at again, if the wish stays the same. */
const againMs = 10 * 60_000;
const soonMs = 60_000;
const passing: ReadonlySet<UpdateRefusal["reason"]> = new Set(["DOWNLOAD", "NO_SPACE"]);
/** An old version that is let in as quickly as this would have been let in before as well. */
const promptMs = 60_000;

/** Makes the agent the version that the server wishes, as far as its own rules allow. In doubt everything stays as it is. */
export class Updater implements UpdateTalk {
  readonly #options: UpdaterOptions;
  readonly #slots: Slots;
  readonly #rules: UpdateRules;
  readonly #trial: Trial | undefined;
  readonly #startedMs: number;
  #status: UpdateStatus = { kind: "none" };
  #wish: AgentUpdateWish | undefined;
  #waking = new AbortController();
  #signed: SignedManifest | undefined;
  #note: RevertNote | undefined;
  #toldUpToDate = false;

  constructor(options: UpdaterOptions) {
    const { config, version, dataDir, clock, log } = options;
    this.#options = options;
    this.#slots = new Slots(dataDir);
    this.#startedMs = clock.monotonicMs();
    this.#rules = {
      ...{ strategy: config.strategy, version, keys: config.keys, serverVersion: "" },
      ...{ os: process.platform, arch: process.arch },
    };
    const isTrial = config.launch?.isTrial === true && options.obstacle === undefined;
    if (!isTrial) return;
    this.#trial = new Trial({ slots: this.#slots, version, trialMs: config.trialMs, clock, log });
    this.#status = { kind: "switching", from: "", target: version };
  }

  readonly report = (): AgentUpdate => updateMessage(this.#status);

  readonly answered = (wish: AgentUpdateWish | undefined): void => {
    this.#trial?.answered();
    if (wish?.targetVersion === "" || isSameWish(wish, this.#wish)) return;
    this.#wish = wish;
    this.#waking.abort();
  };

  /** A stream was accepted: whether it was so quickly says whose fault a failed trial was. */
  welcomed(): void {
    if (this.#note === undefined) return;
    const note = this.#note;
    this.#note = undefined;
    const wasPrompt = this.#options.clock.monotonicMs() - this.#startedMs < promptMs;
    void this.#judge(note, wasPrompt).catch((error: unknown) => this.#failed(error));
  }

  /** Confirms a trial that ends in good order after it has reached the server. */
  async leave(): Promise<void> {
    if (this.#trial?.holdsSession === true) await this.#trial.confirm();
  }

  /** Follows wishes until there is another version to start, or the signal is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<UpdaterEnd> {
    const { obstacle, log, config } = this.#options;
    if (obstacle !== undefined && config.strategy !== "disabled")
      log.info({ reason: obstacle }, "this agent does not update itself");
    try {
      if (obstacle === undefined) await this.#begin();
      if ((await this.#trial?.run(signal)) === "failed") return { kind: "given_up" };
      if (this.#trial !== undefined && !signal.aborted)
        this.#status = { kind: "confirmed", target: this.#options.version };
    } catch (error) {
      this.#failed(error);
    }
    return this.#followAll(signal);
  }

  /** What the launcher says of the time before. */
  async #begin(): Promise<void> {
    await this.#slots.make();
    const note = await this.#slots.reverted();
    if (note === undefined) return;
    this.#options.log.error({ version: note.version, reason: note.why }, "Core update was rolled back");
    const why = refusal(note.why === "no-session" ? "UNREACHABLE" : "UNHEALTHY", revertText(note));
    this.#status = { kind: "rolled_back", target: note.version, why };
    if (note.why === "no-session") this.#note = note;
    else await this.#judge(note, true);
  }

  async #judge(note: RevertNote, isToBlame: boolean): Promise<void> {
    const { dataDir, clock, log } = this.#options;
    if (isToBlame) {
      const bad = { version: note.version, why: note.why, isDoubtful: note.why === "no-session" };
      await writeUpdateRecord(dataDir, withBadVersion(await readUpdateRecord(dataDir), bad, clock.now()));
      const why = refusal("UNHEALTHY", revertText(note));
      this.#status = { kind: "rolled_back", target: note.version, why };
    } else {
      log.info({ version: note.version }, "no version reached the server: the update does not count as tried");
      this.#status = { kind: "none" };
    }
    await this.#slots.forgetReverted();
    this.#waking.abort();
  }

  async #followAll(signal: AbortSignal): Promise<UpdaterEnd> {
    while (!signal.aborted) {
      const waking = new AbortController();
      this.#waking = waking;
      const wish = this.#wish;
      let pauseMs = againMs;
      if (wish !== undefined) {
        const refused = await this.#follow(wish, AbortSignal.any([signal, waking.signal])).catch((error: unknown) => {
          if (!signal.aborted && !waking.signal.aborted) this.#failed(error);
          return undefined;
        });
        if (refused?.kind === "switching") return refused;
        if (refused?.kind === "refused") pauseMs = passing.has(refused.reason) ? soonMs : againMs;
      } else this.#noWish();
      if (!waking.signal.aborted)
        await this.#options.clock.sleep(pauseMs, AbortSignal.any([signal, waking.signal])).catch(() => {});
    }
    return { kind: "stopped" };
  }

  /** The wish was taken back: what is on the disk stays there, for the next time. */
  #noWish(): void {
    // The server wishes nothing of an agent that does not update itself: it says so for as long as that is true.
    if (this.#status.kind === "refused" && this.#status.why.reason === "DISABLED") return;
    if (["downloading", "ready", "refused"].includes(this.#status.kind)) this.#status = { kind: "none" };
  }

  async #follow(
    { targetVersion: target, manifestSha256 }: AgentUpdateWish,
    signal: AbortSignal,
  ): Promise<UpdateRefusal | Extract<UpdaterEnd, { kind: "switching" }> | undefined> {
    const { version, log, obstacle } = this.#options;
    if (target === version) return this.#upToDate();
    this.#toldUpToDate = false;
    if (obstacle !== undefined) return this.#refuse(target, refusal("DISABLED", obstacle));
    const unwritable = await this.#whyUnwritable();
    if (unwritable !== undefined) return this.#refuse(target, unwritable);
    const chosen = await this.#choose(target, manifestSha256, signal);
    if (chosen.kind === "refused") return this.#refuse(target, chosen);
    log.info({ version: target }, "Core update is available");
    this.#status = { kind: "downloading", from: version, target };
    const brought = await bringRelease({ ...this.#options, slots: this.#slots }, chosen, signal);
    if (brought.kind === "refused") return this.#refuse(target, brought);
    this.#status = { kind: "ready", from: version, target };
    log.info({ version: target }, "Core update is ready");
    await this.#moment(signal);
    return this.#switchTo(target, chosen, signal);
  }

  async #whyUnwritable(): Promise<UpdateRefusal | undefined> {
    try {
      await this.#slots.make();
      return undefined;
    } catch (error) {
      const why = `${this.#slots.root} cannot be written: ${messageOf(error)}`;
      return refusal(isOutOfSpace(error) ? "NO_SPACE" : "DISABLED", why);
    }
  }

  #upToDate(): undefined {
    if (!this.#toldUpToDate) this.#options.log.info({ version: this.#options.version }, "Core version is up to date");
    this.#toldUpToDate = true;
    if (this.#status.kind !== "confirmed") this.#status = { kind: "none" };
  }

  #refuse(target: string, why: UpdateRefusal): UpdateRefusal {
    const { log } = this.#options;
    const isNews = this.#status.kind !== "refused" || this.#status.target !== target;
    // That a version went wrong here says more than that it is not tried again.
    const wasRolledBack = this.#status.kind === "rolled_back" && this.#status.target === target;
    if (!wasRolledBack || why.reason !== "BAD_VERSION") this.#status = { kind: "refused", target, why };
    if (!isNews) return why;
    if (why.reason === "STRATEGY" || why.reason === "DISABLED")
      log.info({ version: target, reason: why.detail }, "Newer core versions are available, but are ignored");
    else log.warn({ version: target, cause: why.reason, reason: why.detail }, "Core update is refused");
    return why;
  }

  async #choose(target: string, manifestSha256: string, signal: AbortSignal): Promise<ChosenRelease | UpdateRefusal> {
    const { clock, dataDir } = this.#options;
    try {
      this.#signed = await this.#manifest(manifestSha256, signal);
    } catch (error) {
      signal.throwIfAborted();
      return refusal("DOWNLOAD", `the manifest cannot be had: ${messageOf(error)}`);
    }
    const facts = { rules: this.#rulesNow(), record: await readUpdateRecord(dataDir), now: clock.now() };
    const trusted = trustManifest(this.#signed, facts);
    if (trusted.kind === "refused") return trusted;
    await this.#remember(facts.record, trusted.manifest);
    return chooseRelease(trusted.manifest, target, facts);
  }

  #rulesNow(): UpdateRules {
    return { ...this.#rules, serverVersion: this.#options.serverVersion() };
  }

  async #manifest(sha256: string, signal: AbortSignal): Promise<SignedManifest> {
    const known = this.#signed;
    if (known !== undefined && createHash("sha256").update(known.manifest).digest("hex") === sha256) return known;
    return this.#options.source.manifest(signal);
  }

  /** Before anything comes of it: nobody can show this agent an older one from now on. */
  async #remember(record: UpdateRecord, { sequence, next_keys: keys }: UpdateManifest): Promise<void> {
    const next = keys.length === 0 ? record.keys : keys;
    if (sequence === record.sequence && next === record.keys) return;
    await writeUpdateRecord(this.#options.dataDir, { ...record, sequence, keys: next });
    failpoint("updater.remembered");
  }

  /** Waits for a moment without a job; not for longer than was said, because jobs go on under a switch. */
  async #moment(signal: AbortSignal): Promise<void> {
    const { moments, clock, config, log } = this.#options;
    const untilMs = clock.monotonicMs() + config.maxWaitMs;
    for (;;) {
      signal.throwIfAborted();
      const leftMs = untilMs - clock.monotonicMs();
      if (!moments.isLeaving() && moments.isIdle()) return;
      if (!moments.isLeaving() && leftMs <= 0) return log.info("switching versions under a job, which goes on");
      const change = new AbortController();
      using _listening = moments.onChange(() => change.abort());
      const pauseMs = moments.isLeaving() ? againMs : leftMs;
      await clock.sleep(pauseMs, AbortSignal.any([signal, change.signal])).catch(() => {});
    }
  }

  async #switchTo(
    target: string,
    { release }: ChosenRelease,
    signal: AbortSignal,
  ): Promise<UpdateRefusal | Extract<UpdaterEnd, { kind: "switching" }>> {
    const { version, config, log, dataDir, clock } = this.#options;
    // Hours may have passed since it was looked at.
    const facts = { rules: this.#rulesNow(), record: await readUpdateRecord(dataDir), now: clock.now() };
    const trusted =
      this.#signed === undefined ? refusal("SIGNATURE", "no manifest") : trustManifest(this.#signed, facts);
    const again = trusted.kind === "refused" ? trusted : chooseRelease(trusted.manifest, release.version, facts);
    if (again.kind === "refused") return this.#refuse(target, again);
    signal.throwIfAborted();
    this.#status = { kind: "switching", from: version, target };
    log.info({ from: version, version: target }, "Core update: switching");
    failpoint("updater.before-switch");
    const { installed = version } = config.launch ?? {};
    await this.#slots.beginTrial(target, { base: installed, trialMs: config.trialMs });
    failpoint("updater.switched");
    return { kind: "switching", version: target };
  }

  #failed(error: unknown): void {
    this.#options.log.error({ err: error }, "an update could not be followed: this version goes on");
  }
}

const isSameWish = (a: AgentUpdateWish | undefined, b: AgentUpdateWish | undefined): boolean =>
  a?.targetVersion === b?.targetVersion && a?.manifestSha256 === b?.manifestSha256;

const revertWords: Readonly<Record<string, string>> = {
  crash: "it ended by itself in its trial, three times",
  hang: "it neither proved itself nor ended in its trial",
  refused: "it refused to start with these settings, or the server refused it",
  broken: "it could not be started",
  "no-session": "it reached no server in its trial",
  "no-space": "there was no room to count its starts",
};

const revertText = ({ version, why }: RevertNote): string =>
  `version ${version} did not prove itself: ${revertWords[why] ?? why}`;
