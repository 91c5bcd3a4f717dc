import type { ServerCertificate } from "../control/core/control.ts";
import type { Listener } from "../http/listener.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/program/log.ts";
import { certificateOf, readTls, type TlsPair } from "./port.ts";
import type { ServerSettings } from "./settings.ts";

const lookEveryMs = 10_000;

interface Parts {
  readonly settings: Pick<ServerSettings, "tlsCertFile" | "tlsKeyFile">;
  readonly log: Log;
  readonly clock: Clock;
}

/** The certificate that new connections get: the one on the disk, as soon as it fits its key. */
export class ShownCertificate {
  readonly #parts: Parts;
  #pair: TlsPair | undefined;
  /** Told once, until the files are good again or bad in another way. */
  #problem = "";

  private constructor(parts: Parts, pair: TlsPair | undefined) {
    this.#parts = parts;
    this.#pair = pair;
    this.#warnOfTimes();
  }

  /** Reads the files; throws a `StartError` for those that cannot be used. */
  static async read(parts: Parts): Promise<ShownCertificate> {
    return new ShownCertificate(parts, await readTls(parts.settings));
  }

  /** What it was issued for, and when it ends; undefined without TLS. */
  get facts(): ServerCertificate | undefined {
    return certificateOf(this.#pair);
  }

  /** Shows what the disk has now to those who connect from now on; what cannot be used changes nothing. */
  async reread(listener: Pick<Listener, "replaceTls">): Promise<void> {
    const { settings, log } = this.#parts;
    this.#problem = "";
    if (!(await this.#take(listener)) && this.#pair !== undefined && this.#problem === "")
      log.info({ certificate: settings.tlsCertFile }, "the TLS certificate was read again: it is the same");
  }

  /** Looks every ten seconds whether the files have changed, until the signal is aborted. */
  async follow(listener: Pick<Listener, "replaceTls">, signal: AbortSignal): Promise<void> {
    if (this.#pair === undefined) return;
    while (!signal.aborted) {
      await this.#parts.clock.sleep(lookEveryMs, signal).catch(() => {});
      if (!signal.aborted) await this.#take(listener);
    }
  }

  /** True if the files hold another certificate, or another key, than the one that is shown. */
  async #take(listener: Pick<Listener, "replaceTls">): Promise<boolean> {
    const { settings, log } = this.#parts;
    try {
      const pair = await readTls(settings);
      this.#problem = "";
      if (pair === undefined || (pair.cert === this.#pair?.cert && pair.key === this.#pair.key)) return false;
      listener.replaceTls(pair);
      this.#pair = pair;
    } catch (error) {
      this.#tellOnce(error);
      return false;
    }
    log.info({ certificate: settings.tlsCertFile }, "the TLS certificate was read again: new connections get it");
    this.#warnOfTimes();
    return true;
  }

  /** Whoever replaces two files replaces one of them first. */
  #tellOnce(error: unknown): void {
    const problem = String(error);
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#parts.log.error({ err: error }, "the TLS files cannot be used: the certificate stays as it was");
  }

  /** One that clients refuse is shown all the same: there is no better one. */
  #warnOfTimes(): void {
    const { facts } = this;
    const { log, settings, clock } = this.#parts;
    if (facts === undefined) return;
    const certificate = settings.tlsCertFile;
    const advice = "put another one in its place, it is read by itself";
    if (facts.endsAt <= clock.now())
      log.warn(
        { certificate, endedAt: facts.endsAt.toISOString() },
        `the TLS certificate has expired: clients refuse it; ${advice}`,
      );
    if (facts.beginsAt > clock.now())
      log.warn(
        { certificate, beginsAt: facts.beginsAt.toISOString() },
        `the TLS certificate is not valid yet: clients refuse it until then; ${advice}, or set this machine's clock`,
      );
  }
}
