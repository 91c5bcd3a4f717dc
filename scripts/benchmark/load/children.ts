import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** Something that a child process says; `kind` tells which. */
interface News {
  readonly kind: string;
}

/** A program of the benchmark in a process of its own, which ends when its parent hangs up. */
export class Child<Told extends News> implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(program: URL, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.#process = fork(program, [...args], {
      env: { PATH: process.env.PATH ?? "", ...env },
      execArgv: ["--disable-warning=ExperimentalWarning", "--max-old-space-size=8192"],
    });
    this.#ended = once(this.#process, "exit");
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  say(message: object): void {
    this.#process.send(message);
  }

  listen(hear: (news: Told) => void): void {
    this.#process.on("message", hear);
  }

  /** The next news of a kind; fails when the child says that it failed, ends, or says nothing for so long. */
  next<Kind extends Told["kind"]>(kind: Kind, withinMs = 120_000): Promise<Extract<Told, { kind: Kind }>> {
    const { promise, resolve, reject } = Promise.withResolvers<Extract<Told, { kind: Kind }>>();
    const hear = (news: Told) => {
      if (news.kind === "failed") reject(new Error(JSON.stringify(news)));
      if (isOfKind(news, kind)) resolve(news);
    };
    const end = () => reject(new Error(`a process of the benchmark ended before it said ${kind}`));
    const timer = setTimeout(() => reject(new Error(`nothing said ${kind} within ${withinMs / 1000} s`)), withinMs);
    this.#process.on("message", hear).once("exit", end);
    return promise.finally(() => {
      clearTimeout(timer);
      this.#process.off("message", hear).off("exit", end);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.connected) this.#process.disconnect();
    await this.#ended;
  }
}

const isOfKind = <Told extends News, Kind extends Told["kind"]>(
  news: Told,
  kind: Kind,
): news is Extract<Told, { kind: Kind }> => news.kind === kind;
