import { join } from "node:path";
import { getCACertificates } from "node:tls";
import type { Clock } from "../../../lib/clock.ts";
import type { Environment } from "../../../lib/environment.ts";
import { trustOf } from "../../../lib/way/trust.ts";
import { WindlassError } from "../../../lib/words/errors.ts";
import type { VersionConstraint } from "../../../lib/words/version-constraint.ts";
import { type EngineName, versionOf } from "../engine.ts";
import { checksumIn } from "./checksums.ts";
import type { CachedEngine, EngineCache } from "./engine-cache.ts";
import { checksumsName, type Release, signatureNames, zipName } from "./release.ts";
import { type OnProgress, ReleaseHttp } from "./release-http.ts";
import { isVersion, newestAllowed, versionsIn } from "./release-index.ts";
import { checkSignature, nameOf, trustedKeys } from "./release-signature.ts";
import { type ReleaseSource, shown, sourceOf } from "./release-source.ts";
import { unpackProgram } from "./release-unpack.ts";

/** What the operator says of downloads. */
export interface DownloadRules {
  /** Root of a mirror; the vendors' own places if absent. */
  readonly mirror?: string | undefined;
  /** Further OpenPGP public keys, armored, that may sign releases. */
  readonly keys?: string | undefined;
  /** An authority to trust beside the system's, PEM. */
  readonly ca?: string | undefined;
  /** Where `SSL_CERT_FILE` and `SSL_CERT_DIR` may stand in place of the system's authorities. */
  readonly environment?: Environment | undefined;
}

export interface ReleaseDownload {
  readonly engine: EngineName;
  readonly constraint: VersionConstraint;
  readonly platform: string;
  readonly rules: DownloadRules;
  readonly cache: EngineCache;
  readonly clock: Clock;
  /** Takes lines for people about what is being done. */
  readonly say: (line: string) => void;
  /** Takes what is being done now, for people who wait, such as `downloads tofu 1.12.6 from … (12 of 60 MB)`. */
  readonly tell: (doing: string) => void;
}

const small = { maxBytes: 1024 * 1024, deadlineMs: 30_000 };
/** HashiCorp's list names every file of every version. */
const indexLimits = { maxBytes: 64 * 1024 * 1024, deadlineMs: 60_000 };
/** Four times what terraform and tofu had in 2026. */
const zipLimits = { maxBytes: 200 * 1000 * 1000, deadlineMs: 600_000 };
const maxProgramBytes = 500 * 1000 * 1000;
/** The program may be open in a process that is just being started. */
const busyPauseMs = 300;

interface Work extends ReleaseDownload {
  readonly http: ReleaseHttp;
  readonly source: ReleaseSource;
}

/**
 * Downloads the newest release that fits and answers it as it lies in the cache: the zip has the SHA-256 of a list that
 * a trusted key has signed. Throws a `WindlassError` that says what was expected and got; `storage_unavailable` is
 * worth another try.
 */
export async function downloadEngine(download: ReleaseDownload, signal: AbortSignal): Promise<CachedEngine> {
  const { engine, platform, rules, clock, say } = download;
  await using http = new ReleaseHttp(clock, await authorities(rules));
  const work: Work = { ...download, http, source: sourceOf(engine, rules.mirror) };
  download.tell(`looks for ${[engine, download.constraint.text].join(" ").trimEnd()} at ${work.source.name}`);
  const release: Release = { engine, platform, version: await chooseVersion(work, signal) };
  const { sums, signedBy } = await signedChecksums(work, release, signal);
  const name = zipName(release);
  const zipSha256 = checksumIn(sums, name, checksumsName(release));
  if (zipSha256 === undefined)
    throw new WindlassError(
      "not_found",
      `${engine} ${release.version} is not published for ${platform}: its list has no ${name}`,
    );
  const known = await download.cache.find(zipSha256);
  if (known !== undefined && (await download.cache.isIntact(known))) return known;
  say(`downloading ${engine} ${release.version} (${platform}) from ${work.source.name}`);
  const kept = await fetchProgram(work, { release, zipSha256, signedBy }, signal);
  say(`verified ${name}: SHA-256 ${zipSha256}, in a list signed by ${signedBy}`);
  return kept;
}

async function authorities({ ca, environment = {} }: DownloadRules): Promise<readonly string[]> {
  const system = await trustOf(undefined, environment);
  return [...(system.ca ?? getCACertificates("default")), ...(ca === undefined ? [] : [ca])];
}

async function chooseVersion({ engine, constraint, http, source }: Work, signal: AbortSignal): Promise<string> {
  if (constraint.exact !== undefined && isVersion(constraint.exact)) return constraint.exact;
  const from = shown(source.index);
  const index = await http.read(source.index, indexLimits, signal);
  if (index === undefined)
    throw new WindlassError("not_found", `the list of releases ${from} does not exist: check the mirror`);
  const newest = newestAllowed(versionsIn(index, from), constraint);
  if (newest !== undefined) return newest;
  const what = constraint.text === "" ? "" : ` that fits ${constraint.text}`;
  throw new WindlassError("not_found", `${from} has no release of ${engine}${what}`);
}

interface SignedChecksums {
  readonly sums: string;
  readonly signedBy: string;
}

/** The list of checksums, once a trusted key is found to have signed it. */
async function signedChecksums(work: Work, release: Release, signal: AbortSignal): Promise<SignedChecksums> {
  const { http, source, clock, rules } = work;
  const { engine, version } = release;
  const address = source.file(version, checksumsName(release));
  const content = await http.read(address, small, signal);
  if (content === undefined)
    throw new WindlassError(
      "not_found",
      `${engine} ${version} is not published at ${source.name}: ${shown(address)} does not exist, correct the version`,
    );
  const keys = await trustedKeys(engine, rules.keys).catch((cause: Error) => {
    throw new WindlassError("validation", `the file of --engine-keys cannot be used: ${cause.message}`, { cause });
  });
  const reasons: string[] = [];
  for (const name of signatureNames(release)) {
    const signature = await http.read(source.file(version, name), small, signal);
    const check =
      signature === undefined
        ? ({ kind: "refused", why: "does not exist" } as const)
        : await checkSignature({ content, signature, keys, now: clock.now() });
    if (check.kind === "good") return { sums: Buffer.from(content).toString("utf8"), signedBy: check.by };
    reasons.push(`${name}: ${check.why}`);
  }
  const trusted = keys.map(nameOf).join(", ");
  throw new WindlassError(
    "checksum_mismatch",
    `${engine} ${version} from ${source.name} is refused, its checksums have no good signature (${reasons.join("; ")}): expected one of ${trusted}; a key of your own, or a renewed one, is given with --engine-keys`,
  );
}

interface Verified {
  readonly release: Release;
  readonly zipSha256: string;
  readonly signedBy: string;
}

async function fetchProgram(
  work: Work,
  { release, zipSha256, signedBy }: Verified,
  signal: AbortSignal,
): Promise<CachedEngine> {
  const { cache, http, source, clock, tell } = work;
  const { engine, version, platform } = release;
  const address = source.file(version, zipName(release));
  const draft = await cache.draft();
  try {
    const zip = join(draft, "release.zip");
    const doing = `downloads ${engine} ${version} from ${source.name}`;
    tell(doing);
    const onProgress: OnProgress = (bytes, ofBytes) => tell(`${doing} (${progressText(bytes, ofBytes)})`);
    const got = await http.save({ url: address, into: zip, onProgress, ...zipLimits }, signal);
    if (got === undefined) throw new WindlassError("not_found", `${shown(address)} does not exist: check the mirror`);
    if (got !== zipSha256)
      throw new WindlassError(
        "checksum_mismatch",
        `${shown(address)} is refused: expected SHA-256 ${zipSha256} as signed, got ${got}: the mirror serves another file`,
      );
    const file = join(draft, engine);
    const programSha256 = await unpackProgram({ zip, name: engine, into: file, maxBytes: maxProgramBytes }, signal);
    await cache.drop(zip);
    await checkProgram({ file, engine, version, clock }, signal);
    return await cache.keep(draft, { ...release, platform, zipSha256, programSha256, source: source.name, signedBy });
  } catch (error) {
    await cache.drop(draft);
    throw error;
  }
}

/** `12 of 60 MB`. */
function progressText(bytes: number, ofBytes: number | undefined): string {
  const [got, all] = [bytes, ofBytes ?? 0].map((count) => Math.floor(count / 1_000_000));
  return ofBytes === undefined ? `${got} MB` : `${got} of ${all} MB`;
}

interface Program {
  readonly file: string;
  readonly engine: EngineName;
  readonly version: string;
  readonly clock: Clock;
}

/** A program that does not start here, or is another one, is better found before a job needs it. */
async function checkProgram({ file, engine, version, clock }: Program, signal: AbortSignal): Promise<void> {
  let answer = await versionOf(file);
  if (answer.kind === "failed") {
    await clock.sleep(busyPauseMs, signal);
    answer = await versionOf(file);
  }
  if (answer.kind === "version" && answer.version === version && (answer.engine ?? engine) === engine) return;
  const wrong = answer.kind === "version" && (answer.engine ?? engine) !== engine ? `${answer.engine} ` : "";
  const got = answer.kind === "version" ? `says that it is ${wrong}${answer.version}` : answer.why;
  const expected = wrong === "" ? `version ${version}` : `${engine} ${version}`;
  throw new WindlassError("validation", `the downloaded program ${got}: expected ${expected}`);
}
