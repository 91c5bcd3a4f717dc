import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

/** What is started, as it was typed. */
export interface AgentCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** How it ended: its exit code, or the signal that ended it. */
export type Ending = number | NodeJS.Signals;

const maxOutput = 256 * 1024;

/** A running agent: the process that the command became. Disposing it ends it and its process group by force. */
export class AgentProcess implements AsyncDisposable {
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  #output = "";
  #ending: Ending | undefined;

  constructor({ command, args }: AgentCommand, env: Readonly<Record<string, string>>, cwd: string) {
    this.#child = spawn(command, args, { env, cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-maxOutput);
      });
    const failed = once(this.#child, "error").then(([error]: Error[]): Ending => {
      this.#output += `${error?.message}\n`;
      return 127;
    });
    const exited = once(this.#child, "exit").then(([code, signal]): Ending => code ?? signal);
    failed.catch(() => {});
    exited.catch(() => {});
    this.ended = Promise.race([failed, exited]).then((ending) => {
      this.#ending = ending;
      return ending;
    });
  }

  /** Undefined while it runs. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** The last of what it has written to both streams. */
  get output(): string {
    return this.#output;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // Nobody of the group is left.
    }
    await this.ended;
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }
}
