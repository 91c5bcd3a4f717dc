import { mkdir, readdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { syncDirectory, syncFile, writeDurably } from "../../lib/fs/durable.ts";
import { errnoOf } from "../../lib/values/errors.ts";

/** What the launcher found when it started a version that did not prove itself. */
export interface RevertNote {
  readonly version: string;
  /** `crash`, `hang`, `refused`, `broken` or `no-session`. */
  readonly why: string;
}

/**
 * Versions side by side in `<data directory>/versions`, as the launcher of the installation reads them:
 * `current` and `previous` are links to directories, `base` names the installed version above which they were put, `trial` names
 * the version that has not proved itself yet and for how many seconds it may try, `starts` counts, and `reverted` says why the
 * launcher went back. Without `current` the installed version runs.
 */
export class Slots {
  readonly root: string;

  constructor(dataDir: string) {
    this.root = slotsIn(dataDir);
  }

  /** Throws where it cannot be written. */
  async make(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    await writeDurably(join(this.root, "probe"), "");
    await rm(join(this.root, "probe"));
  }

  /** Where a version is, or will be. */
  of(version: string): string {
    return join(this.root, version);
  }

  /** Whether a version is there, out of the archive with this SHA-256. */
  async has(version: string, sha256: string): Promise<boolean> {
    return (await this.#text(join(version, archiveHash))).trim() === sha256;
  }

  /** Puts an unpacked program in its place, whole or not at all. */
  async place(from: string, version: string, sha256: string): Promise<void> {
    await writeDurably(join(from, archiveHash), `${sha256}\n`);
    for (const entry of await readdir(from, { withFileTypes: true, recursive: true }))
      if (entry.isFile()) await syncFile(join(entry.parentPath, entry.name));
    await rm(this.of(version), { recursive: true, force: true });
    await rename(from, this.of(version));
    await syncDirectory(this.root);
  }

  /** The next start is the version's trial. Each step leaves something that the launcher can start. */
  async beginTrial(
    version: string,
    { base, trialMs }: { readonly base: string; readonly trialMs: number },
  ): Promise<void> {
    await this.#forget("starts", "reverted");
    await this.#rememberPrevious();
    await writeDurably(join(this.root, "base"), `${base}\n`);
    // While `current` is another one, the launcher takes no notice of this.
    await writeDurably(join(this.root, "trial"), `${version} ${Math.ceil(trialMs / 1_000)}\n`);
    await this.#link("current", version);
  }

  /** The version has proved itself: from now on it is what is started. */
  async confirm(version: string): Promise<void> {
    if ((await this.#word("trial")) !== version) return;
    await this.#forget("trial", "starts");
    await this.tidy();
  }

  /** Says why the version that runs gives itself up; the launcher does the rest. */
  async fail(why: string): Promise<void> {
    await writeDurably(join(this.root, "failed"), `${why}\n`);
  }

  /** What the launcher said of a version from which it went back. */
  async reverted(): Promise<RevertNote | undefined> {
    const [version = "", why = "crash"] = (await this.#text("reverted")).trim().split(" ");
    return version === "" ? undefined : { version, why };
  }

  async forgetReverted(): Promise<void> {
    await this.#forget("reverted");
  }

  /** Removes what neither runs nor ran before. */
  async tidy(keep: readonly string[] = []): Promise<void> {
    const kept = new Set([...keep, await this.#target("current"), await this.#target("previous")]);
    for (const entry of await readdir(this.root, { withFileTypes: true })) {
      if (!entry.isDirectory() || kept.has(entry.name)) continue;
      await rm(join(this.root, entry.name), { recursive: true, force: true });
    }
  }

  /** The version before is what runs now: the present `current`, or the installed one, which has no link. */
  async #rememberPrevious(): Promise<void> {
    const now = await this.#target("current");
    if (now === undefined) await this.#forget("previous");
    else await this.#link("previous", now);
  }

  async #link(name: "current" | "previous", version: string): Promise<void> {
    const fresh = join(this.root, `${name}.new`);
    await rm(fresh, { force: true });
    await symlink(version, fresh);
    await rename(fresh, join(this.root, name));
    await syncDirectory(this.root);
  }

  async #target(name: "current" | "previous"): Promise<string | undefined> {
    return readlink(join(this.root, name)).catch(() => undefined);
  }

  async #word(name: string): Promise<string> {
    return (await this.#text(name)).trim().split(" ")[0] ?? "";
  }

  async #text(name: string): Promise<string> {
    return readFile(join(this.root, name), "utf8").catch((error: unknown) => {
      if (errnoOf(error) === "ENOENT") return "";
      throw error;
    });
  }

  async #forget(...names: readonly string[]): Promise<void> {
    for (const name of names) await rm(join(this.root, name), { force: true });
    await syncDirectory(this.root);
  }
}

/** In each version: of what it was unpacked. */
const archiveHash = ".archive-sha256";

export const slotsIn = (dataDir: string): string => join(dataDir, "versions");
