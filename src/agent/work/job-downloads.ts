import { ConnectError } from "@connectrpc/connect";
import { linkSignals, together } from "../../lib/async/abort.ts";
import type { Clock } from "../../lib/clock.ts";
import { TransferMeter } from "../../lib/transfer/transfer-meter.ts";
import { isWindlassError, WindlassError } from "../../lib/words/errors.ts";
import { persist } from "../contract/patience.ts";
import type { AgentJob } from "../jobs/job.ts";
import { mayPass, sha256Of } from "../transfers/artifacts.ts";
import { type Ask, download } from "../transfers/download.ts";
import type { CachedKind, CachedObject } from "../transfers/download-cache.ts";
import { type JobServices, patienceOf } from "./services.ts";
import { WayProblem } from "./way-problem.ts";

/**
 * Without a byte for this long, the job is given back while its offer lasts, whatever is under way: another agent may
 * have a better way.
 */
const noProgressMs = 50_000;

interface Wanted {
  readonly object: CachedObject;
  readonly path: string;
  readonly ask: Ask;
}

/**
 * Brings what a job needs to its directory: from what this agent has fetched before, or from the control plane, on from
 * where an earlier try has stopped. It goes on as long as bytes come.
 */
export async function fetchInputs(job: AgentJob, services: JobServices, signal: AbortSignal): Promise<void> {
  const wanted = wantedOf(job, services);
  const progress = new Progress(job, services, wanted);
  const problem = new WayProblem(job, services, "download what it needs");
  using over = linkSignals(signal);
  void progress.silent(noProgressMs, over.signal).then(
    () => over.abort(problem.last ?? nothingComes()),
    () => {},
  );
  try {
    await together(over.signal, (until) => wanted.map((one) => fetchOne({ one, services, progress, problem }, until)));
  } finally {
    over.abort();
    problem.over();
    job.notePreparing("");
    job.offeredState = new Uint8Array(0);
  }
}

const nothingComes = (): WindlassError =>
  new WindlassError("storage_unavailable", `nothing has come for ${noProgressMs / 1000} seconds`);

function wantedOf(job: AgentJob, services: JobServices): readonly Wanted[] {
  const { spec, files, isApply } = job;
  const { configuration, plan, planFiles, state } = spec;
  if (configuration === undefined) throw new WindlassError("validation", "the job has no configuration");
  if (isApply && plan === undefined) throw new WindlassError("validation", "the job has no plan to apply");
  const artifacts = services.artifacts(spec.jobToken);
  const made = isApply ? planFiles : undefined;
  const secret = "secret";
  return [
    wish(
      { what: "the configuration", kind: "configuration", announced: configuration },
      files.configurationArchive,
      artifacts.configuration,
    ),
    ...(plan === undefined
      ? []
      : [wish({ what: "the plan", kind: secret, announced: plan }, files.planFile, artifacts.plan)]),
    ...(made === undefined
      ? []
      : [
          wish(
            { what: "the archive of the plan's files", kind: secret, announced: made },
            files.planFilesArchive,
            artifacts.planFiles,
          ),
        ]),
    ...(state === undefined
      ? []
      : [
          wish(
            { what: "the state", kind: secret, announced: state },
            files.initialState,
            askState(job, artifacts.state),
          ),
        ]),
  ];
}

/** It mostly came with the offer. What came is no other one than was announced, or it is downloaded. */
function askState({ offeredState: bytes, spec }: AgentJob, ask: Ask): Ask {
  if (bytes.length === 0 || sha256Of(bytes) !== spec.state?.sha256) return ask;
  return async function* ({ offset, maxBytes }) {
    const end = maxBytes === 0n ? bytes.length : Number(offset + maxBytes);
    yield { chunk: bytes.subarray(Number(offset), end) };
  };
}

interface Announced {
  readonly what: string;
  readonly kind: CachedKind;
  readonly announced: { readonly sizeBytes: bigint; readonly sha256: string };
}

const wish = ({ what, kind, announced }: Announced, path: string, ask: Ask): Wanted => ({
  path,
  ask,
  object: { what, kind, sha256: announced.sha256, sizeBytes: Number(announced.sizeBytes) },
});

interface Fetching {
  readonly one: Wanted;
  readonly services: JobServices;
  readonly progress: Progress;
  readonly problem: WayProblem;
}

function fetchOne({ one, services, progress, problem }: Fetching, signal: AbortSignal): Promise<void> {
  const { object, path, ask } = one;
  const { downloads, clock } = services;
  const about = { ask, clock, sizeBytes: object.sizeBytes, pace: downloads.pace };
  const onBegin = (bytes: number) => progress.begin(object, bytes);
  const patience = { ...patienceOf(services, isTransient), onRetry: (error: unknown) => problem.met(error) };
  const fetch = (file: string, onBytes: (bytes: number) => void) =>
    persist(() => download({ ...about, file, onBegin, onBytes }, signal), patience, signal);
  const onBytes = (bytes: number) => {
    problem.over();
    progress.add(object, bytes);
  };
  return downloads.cache.place(object, path, { fetch, onBytes, signal }).then(() => progress.end(object));
}

/** What another try of the same may do better. */
const isTransient = (error: unknown): boolean =>
  isWindlassError(error, "storage_unavailable") || (error instanceof ConnectError && mayPass(error));

/** How far all that a job needs is. */
class Progress {
  readonly #job: AgentJob;
  readonly #clock: Clock;
  readonly #meter: TransferMeter;
  readonly #total: number;
  readonly #has = new Map<string, number>();
  #heardMs: number;

  constructor(job: AgentJob, { clock }: JobServices, wanted: readonly Wanted[]) {
    this.#job = job;
    this.#clock = clock;
    this.#meter = new TransferMeter(clock);
    this.#total = wanted.reduce((sum, { object }) => sum + object.sizeBytes, 0);
    this.#heardMs = clock.monotonicMs();
  }

  /** Resolves when nothing has come for this long; never once the signal is aborted. */
  async silent(ms: number, signal: AbortSignal): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs = this.#heardMs + ms - this.#clock.monotonicMs())
      await this.#clock.sleep(leftMs, signal);
  }

  begin({ what }: CachedObject, bytes: number): void {
    this.#has.set(what, bytes);
  }

  add({ what }: CachedObject, bytes: number): void {
    this.#heardMs = this.#clock.monotonicMs();
    this.#has.set(what, (this.#has.get(what) ?? 0) + bytes);
    this.#job.noteReceived(bytes);
    this.#tell();
  }

  end({ what, sizeBytes }: CachedObject): void {
    this.#has.set(what, sizeBytes);
  }

  #tell(): void {
    const done = [...this.#has.values()].reduce((sum, bytes) => sum + bytes, 0);
    const text = this.#meter.text(Math.min(done, this.#total), this.#total);
    if (text !== "") this.#job.notePreparing(`downloads from the server (${text})`);
  }
}
