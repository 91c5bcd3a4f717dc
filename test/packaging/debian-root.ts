import { execFile } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Program, startProgram } from "../support/programs.ts";

const run = promisify(execFile);

const enter = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$@"';

/** A Debian in a directory, with what every Debian has and no more. Only root can make one. */
export class DebianRoot implements AsyncDisposable {
  readonly directory: string;
  readonly #programs: Program[] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async make(): Promise<DebianRoot> {
    const directory = await mkdtemp(join(tmpdir(), "windlass-debian-"));
    // Its other users, too, have to reach what is in it.
    await chmod(directory, 0o755);
    const codename = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1] ?? "stable";
    // Wherever this machine has its own packages from.
    const { stdout } = await run("apt-get", ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
    const mirror = stdout.split("\n")[0] ?? "";
    await run("debootstrap", ["--variant=minbase", codename, directory, mirror], { maxBuffer: 2 ** 26 });
    return new DebianRoot(directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Copies a file into it; answers what it is called in there. */
  async bring(file: string, to: string): Promise<string> {
    const path = join(this.directory, to);
    await mkdir(join(path, ".."), { recursive: true });
    await cp(file, path, { recursive: true });
    return `/${to}`;
  }

  /** Runs a command as root, to its end or for two minutes. */
  async sh(command: string, input = ""): Promise<string> {
    const program = this.start("root", ["timeout", "120", "sh", "-c", command], { input });
    const { code } = await program.ended;
    if (code === 0) return program.stdout();
    throw new Error(`${command}: exit ${code}\n${program.stdout()}${program.stderr()}`);
  }

  /** Starts a command as a user of its own. Processes are those of the machine: what a program leaves behind goes on. */
  start(
    user: string,
    command: readonly string[],
    { input = "", env = {} }: { readonly input?: string; readonly env?: Readonly<Record<string, string>> } = {},
  ): Program {
    const all = { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/nonexistent", LANG: "C.UTF-8", ...env };
    const variables = Object.entries(all).map(([key, value]) => `${key}=${value}`);
    const inside = ["/usr/bin/env", "--ignore-environment", ...variables, ...command];
    const place = [this.directory, `--userspec=${user}:${user}`, "--groups=", this.directory];
    // Each becomes the next one, so that a signal reaches the command itself.
    const call = { command: "unshare", args: ["--mount", "sh", "-c", enter, ...place, ...inside] };
    const program = startProgram({ name: command[0] ?? "", ...call, input });
    this.#programs.push(program);
    return program;
  }
}
