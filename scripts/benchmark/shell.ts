import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { now } from "./timing.ts";

/** Neither the machine's own settings nor questions to a server of the vendor. */
const quiet = { TF_CLI_CONFIG_FILE: "/dev/null", CHECKPOINT_DISABLE: "1" };

const lockFile = ".terraform.lock.hcl";

/** A fresh copy of a configuration in which a person types terraform's commands. */
export interface Shell extends AsyncDisposable {
  /** init, plan and apply, or only the first two when nothing is to be changed; answers the milliseconds. */
  pass(variables: Readonly<Record<string, string>>, appliesToo?: boolean): Promise<number>;
  /** Puts the lock file that init makes beside the configuration. */
  lockInto(directory: string): Promise<void>;
}

/** Opens one; `env` says where providers come from, beside this process's environment. */
export async function openShell(configuration: string, env: Readonly<Record<string, string>> = {}): Promise<Shell> {
  const cwd = await mkdtemp(join(tmpdir(), "windlass-bench-"));
  await cp(configuration, cwd, { recursive: true });
  const type = (...args: readonly string[]) =>
    execa("terraform", args, { cwd, env: { ...quiet, ...env }, maxBuffer: 2 ** 28, stdin: "ignore" });
  return {
    pass: async (variables, appliesToo = true) => {
      const start = now();
      await type("init", "-input=false");
      const values = Object.entries(variables).map(([name, value]) => `-var=${name}=${value}`);
      await type("plan", "-input=false", "-out=tfplan", ...values);
      if (appliesToo) await type("apply", "-input=false", "tfplan");
      return now() - start;
    },
    lockInto: async (directory) => {
      await type("init", "-input=false");
      await cp(join(cwd, lockFile), join(directory, lockFile));
    },
    [Symbol.asyncDispose]: () => rm(cwd, { recursive: true }),
  };
}
