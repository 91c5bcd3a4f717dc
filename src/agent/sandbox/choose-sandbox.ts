import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { bubblewrapArgv } from "./bubblewrap.ts";

/** What an operator may ask for; `auto` is the best there is. */
export const sandboxWishes = ["auto", "bwrap", "none"] as const;
export type SandboxWish = (typeof sandboxWishes)[number];

/** How the processes of a job are kept apart from the machine. */
export type Sandbox =
  | { readonly kind: "none" }
  | { readonly kind: "bwrap" /** Its program. */; readonly program: string };

export type SandboxChoice =
  | { readonly kind: "chosen"; readonly sandbox: Sandbox /** Why it is not a better one. */; readonly why: string }
  /** What was asked for does not work here. */
  | { readonly kind: "unusable"; readonly why: string };

const probeDeadlineMs = 10_000;

/** Finds out which sandbox works on this machine, by running a program in it. */
export async function chooseSandbox(wish: SandboxWish, searchPath: string): Promise<SandboxChoice> {
  if (wish === "none") return { kind: "chosen", sandbox: { kind: "none" }, why: "it was asked for" };
  const program = await findProgram(searchPath);
  const why = program === undefined ? "bwrap is not installed" : await whyNot(program);
  if (program !== undefined && why === undefined) {
    return { kind: "chosen", sandbox: { kind: "bwrap", program }, why: "" };
  }
  const told = why ?? "";
  return wish === "auto" ? { kind: "chosen", sandbox: { kind: "none" }, why: told } : { kind: "unusable", why: told };
}

async function findProgram(searchPath: string): Promise<string | undefined> {
  for (const directory of [...searchPath.split(delimiter), "/usr/bin"]) {
    const file = join(directory, "bwrap");
    const isProgram =
      isAbsolute(file) &&
      (await access(file, constants.X_OK).then(
        () => true,
        () => false,
      ));
    if (isProgram) return file;
  }
  return undefined;
}

/** Why a program cannot be run in bubblewrap here; undefined when it can. */
async function whyNot(program: string): Promise<string | undefined> {
  const work = await mkdtemp(join(tmpdir(), "windlass-sandbox-"));
  const place = "/tmp/windlass-work/probe";
  const probe = { argv: ["/bin/sh", "-c", ": > probe"], work, place, cwd: place, readable: [] };
  // Descriptor 3 has to be there.
  const argv = ["-c", 'exec "$@" 3>/dev/null', "sh", ...bubblewrapArgv(program, probe)];
  try {
    return await complaint(argv);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function complaint(argv: readonly string[]): Promise<string | undefined> {
  const options = {
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    timeout: probeDeadlineMs,
    killSignal: "SIGKILL",
  } as const;
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  execFile("/bin/sh", [...argv], options, (error, _stdout, stderr) => {
    if (error === null) return resolve(undefined);
    const said = stderr.trim().split("\n").at(-1) ?? "";
    resolve(`bwrap does not work here: ${said === "" ? error.message : said}`);
  });
  return promise;
}
