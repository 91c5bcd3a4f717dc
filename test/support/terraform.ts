import { accessSync, constants } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { execa } from "execa";
import { describe } from "vitest";
import { readEnvironment } from "../../src/lib/environment.ts";
import { terraformEnvironment } from "../../src/terraform/engines/environment.ts";

const { PATH = "", CI } = readEnvironment();

function findProgram(name: string): string | undefined {
  return PATH.split(delimiter)
    .map((dir) => join(dir, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

const terraformFile = findProgram("terraform");
const tofuFile = findProgram("tofu");

/** Path of the real terraform; only valid inside `describeWithTerraform`. */
export const terraformPath = terraformFile ?? "terraform";

/** Tests that run real terraform: skipped, and seen to be, where there is none; failing in CI. */
export const describeWithTerraform: typeof describe | typeof describe.skip =
  terraformFile === undefined && (CI ?? "") === "" ? describe.skip : describe;

/** Path of the real tofu; only valid inside `describeWithTofu`. */
export const tofuPath = tofuFile ?? "tofu";

/** Tests that run real tofu: skipped, and seen to be, where there is none. */
export const describeWithTofu: typeof describe | typeof describe.skip =
  tofuFile === undefined ? describe.skip : describe;

export interface Finished {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory with a configuration in which real terraform can be run; removed when disposed. */
export interface Sandbox extends AsyncDisposable {
  readonly dir: string;
  readonly environment: Record<string, string>;
  path(...segments: string[]): string;
  write(files: Readonly<Record<string, string>>): Promise<void>;
  terraform(...argv: string[]): Promise<Finished>;
}

/** Makes a temporary working directory with these files and an environment as an agent would give it. */
export async function sandbox(
  files: Readonly<Record<string, string>>,
  added: Record<string, string> = {},
): Promise<Sandbox> {
  const dir = await mkdtemp(join(tmpdir(), "windlass-terraform-"));
  const run = { runId: "run_1", organization: "acme", workspace: "prod" };
  const environment = {
    ...terraformEnvironment({ path: PATH, home: dir, temporaryDirectory: tmpdir(), run, variables: [] }),
    ...added,
  };
  const write = async (more: Readonly<Record<string, string>>): Promise<void> => {
    for (const [name, text] of Object.entries(more)) {
      await mkdir(dirname(join(dir, name)), { recursive: true });
      await writeFile(join(dir, name), text);
    }
  };
  await write(files);
  return {
    dir,
    environment,
    path: (...segments) => join(dir, ...segments),
    write,
    terraform: (...argv) => runTerraform(argv, dir, environment),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

async function runTerraform(argv: readonly string[], cwd: string, env: Record<string, string>): Promise<Finished> {
  const kept = { maxBuffer: 256 * 1024 * 1024, stripFinalNewline: false };
  const ended = await execa(terraformPath, argv, { cwd, env, extendEnv: false, reject: false, ...kept });
  if (ended.exitCode === undefined && ended.signal === undefined) throw ended;
  return { code: ended.exitCode ?? null, stdout: ended.stdout, stderr: ended.stderr };
}
