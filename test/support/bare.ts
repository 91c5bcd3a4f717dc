import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a command printed to either stream, and how it ended: -1 after a signal. */
export interface BareAnswer {
  readonly code: number;
  readonly output: string;
}

/** A command that runs. */
export interface BareCommand {
  readonly ended: Promise<BareAnswer>;
  /** As Ctrl-C, but for the program alone. */
  interrupt(): void;
  /** Ends the program and its providers by force. */
  kill(): void;
}

/** A directory in which terraform or tofu is used as a person uses it in a shell. Disposing it ends what still runs. */
export interface BareDirectory extends AsyncDisposable {
  readonly path: string;
  /** Starts a command with `-no-color` and without questions. */
  start(...args: readonly string[]): BareCommand;
  /** Runs it, whatever its end. */
  run(...args: readonly string[]): Promise<BareAnswer>;
  /** Runs it and fails unless it ends with 0. */
  ok(...args: readonly string[]): Promise<string>;
  write(name: string, content: string): Promise<void>;
}

export type BareEngine = "terraform" | "tofu";

const isHere = (engine: BareEngine) => spawnSync(engine, ["version"], { stdio: "ignore" }).status === 0;

/** Those that are installed. Not having OpenTofu is said and leaves its tests out. */
export const bareEngines: readonly BareEngine[] = (["terraform", "tofu"] as const).filter((engine) => {
  if (engine === "terraform" || isHere(engine)) return true;
  console.warn("SKIPPED: tests with OpenTofu, because tofu was not found on the PATH");
  return false;
});

/** Opens a directory with a CLI configuration of these lines, and what else is in the environment. */
export async function bareDirectory(
  engine: BareEngine,
  cliConfiguration: string,
  env: Readonly<Record<string, string>> = {},
): Promise<BareDirectory> {
  const path = await mkdtemp(join(tmpdir(), "windlass-bare-"));
  await writeFile(join(path, "cli.tfrc"), cliConfiguration);
  return new OpenDirectory(engine, path, {
    PATH: process.env.PATH ?? "",
    HOME: path,
    TF_CLI_CONFIG_FILE: join(path, "cli.tfrc"),
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    CHECKPOINT_DISABLE: "1",
    ...env,
  });
}

class OpenDirectory implements BareDirectory {
  readonly path: string;
  readonly #engine: BareEngine;
  readonly #env: Readonly<Record<string, string>>;
  readonly #running = new Set<BareCommand>();

  constructor(engine: BareEngine, path: string, env: Readonly<Record<string, string>>) {
    this.path = path;
    this.#engine = engine;
    this.#env = env;
  }

  start(verb: string, ...args: readonly string[]): BareCommand {
    const command = started(this.#engine, [verb, "-no-color", ...args], { cwd: this.path, env: this.#env });
    this.#running.add(command);
    void command.ended.finally(() => this.#running.delete(command));
    return command;
  }

  run(verb: string, ...args: readonly string[]): Promise<BareAnswer> {
    return this.start(verb, ...args).ended;
  }

  async ok(verb: string, ...args: readonly string[]): Promise<string> {
    const { code, output } = await this.run(verb, ...args);
    if (code !== 0) throw new Error(`${this.#engine} ${[verb, ...args].join(" ")} ended with ${code}:\n${output}`);
    return output;
  }

  write(name: string, content: string): Promise<void> {
    return writeFile(join(this.path, name), content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const command of this.#running) command.kill();
    await Promise.all([...this.#running].map(({ ended }) => ended));
    await rm(this.path, { recursive: true, force: true });
  }
}

interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A process group of its own, so that providers can be ended with it. */
function started(command: string, args: readonly string[], place: Place): BareCommand {
  const child = spawn(command, args, { ...place, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const ended = once(child, "close").then(([code]: (number | null)[]) => ({ code: code ?? -1, output }));
  return {
    ended,
    interrupt: () => void child.kill("SIGINT"),
    kill: () => void (child.pid === undefined || process.kill(-child.pid, "SIGKILL")),
  };
}
