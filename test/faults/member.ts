import { setTimeout as pause } from "node:timers/promises";
import type { FailpointName } from "../../src/lib/program/failpoint.ts";
import type { Ending, Program } from "../support/programs.ts";

/** A failpoint that a program is started with. */
export interface ArmedFailpoint {
  readonly name: FailpointName;
  readonly pass: number;
  /** Undefined: it ends the process. */
  readonly stallMs?: number;
}

export const describeFailpoint = ({ name, pass, stallMs }: ArmedFailpoint): string =>
  `${name}=${stallMs === undefined ? "die" : `stall:${stallMs}`}@${pass}`;

const environmentOf = (failpoint: ArmedFailpoint | undefined): Readonly<Record<string, string>> =>
  failpoint === undefined
    ? {}
    : { WINDLASS_FAILPOINTS: describeFailpoint(failpoint), WINDLASS_FAILPOINTS_ENABLED: "1" };

/** How a program is brought back after its end. */
export interface Comeback {
  readonly downMs: number;
  readonly failpoint?: ArmedFailpoint;
}

export interface MemberParts {
  readonly name: string;
  /** Starts the program with these variables. */
  readonly start: (env: Readonly<Record<string, string>>) => Program;
  /** Matches what the program says once it is of use. */
  readonly ready: RegExp;
  /** Matches why a start may be refused, for a fault that was made elsewhere. */
  readonly mayFail?: RegExp | undefined;
  /** After SIGTERM, unless it was stopped meanwhile; if absent, it may take its time. */
  readonly stopsWithinMs?: number;
}

const usual: Comeback = { downMs: 200 };

/** A program that is started again whenever it has ended, as a service manager does. */
export class Member {
  readonly name: string;
  /** Failpoints that ended the program. */
  readonly died: FailpointName[] = [];
  /** Ends that nobody ordered. */
  readonly surprises: string[] = [];
  starts = 0;
  readonly #parts: MemberParts;
  #program: Program | undefined;
  readonly #programs: Program[] = [];
  #next: readonly Comeback[] = [];
  #isOrdered = false;
  #isOver = false;
  #isFrozen = false;
  /** Has to end in time. */
  #stopping: Program | undefined;
  readonly #started = Promise.withResolvers<void>();
  #running: Promise<void> | undefined;

  constructor(parts: MemberParts) {
    this.name = parts.name;
    this.#parts = parts;
  }

  /** Starts it for the first time and waits until it is ready. */
  async open(failpoint?: ArmedFailpoint): Promise<void> {
    this.#running = this.#run(failpoint);
    await this.#started.promise;
    if (failpoint === undefined) await this.ready();
  }

  /** Everything that it has said, in all its starts. */
  said(): string {
    return this.#programs.map((program) => program.stderr() + program.stdout()).join("");
  }

  get program(): Program {
    if (this.#program === undefined) throw new Error(`${this.name} was never started`);
    return this.#program;
  }

  /** Waits until it is up; an end meanwhile is waited for, too. */
  async ready(deadlineMs = 90_000): Promise<void> {
    const end = performance.now() + deadlineMs;
    for (;;) {
      try {
        const { program } = this;
        await program.says(this.#parts.ready, Math.max(1, end - performance.now()));
        if (program.isRunning) return;
      } catch (error) {
        if (performance.now() > end) throw error;
      }
      await pause(50);
    }
  }

  /** Ends the program and says how it comes back, now and from its next ends. */
  end(signal: "SIGKILL" | "SIGTERM", ...comebacks: readonly Comeback[]): void {
    this.#next = comebacks;
    this.#isOrdered = true;
    this.thaw();
    this.program.signal(signal);
    if (signal === "SIGTERM") this.#expectEnd(this.program);
  }

  /** A stop that takes too long is a fault of its own; so that the rest can go on, it is ended. */
  #expectEnd(program: Program): void {
    const { stopsWithinMs } = this.#parts;
    if (stopsWithinMs === undefined) return;
    this.#stopping = program;
    const timer = setTimeout(() => {
      if (this.#stopping !== program || !program.isRunning) return;
      this.surprises.push(`${this.name} did not end within ${stopsWithinMs} ms: ${program.stderr().slice(-1500)}`);
      program.signal("SIGKILL");
    }, stopsWithinMs);
    void program.ended.then(() => clearTimeout(timer));
  }

  freeze(): void {
    this.#isFrozen = true;
    this.#stopping = undefined;
    this.program.signal("SIGSTOP");
  }

  thaw(): void {
    if (this.#isFrozen) this.program.signal("SIGCONT");
    this.#isFrozen = false;
  }

  /** Ends it for good; answers how it ended. */
  async close(signal: "SIGKILL" | "SIGTERM" = "SIGTERM"): Promise<Ending> {
    this.#isOver = true;
    this.#isOrdered = true;
    this.thaw();
    const ending = await this.program.stop(signal);
    await this.#running;
    return ending;
  }

  async #run(first: ArmedFailpoint | undefined): Promise<void> {
    let failpoint = first;
    while (!this.#isOver) {
      this.starts++;
      this.#isOrdered = false;
      this.#isFrozen = false;
      this.#program = this.#parts.start(environmentOf(failpoint));
      this.#programs.push(this.#program);
      this.#started.resolve();
      this.#judge(await this.#program.ended, failpoint);
      if (this.#isOver) return;
      const [{ downMs, failpoint: next } = usual, ...later] = this.#next;
      this.#next = later;
      failpoint = next;
      await pause(downMs);
    }
  }

  #judge({ code, signal }: Ending, failpoint: ArmedFailpoint | undefined): void {
    if (this.#isOrdered && (signal !== null || code === 0)) return;
    if (signal === "SIGKILL" && failpoint !== undefined && failpoint.stallMs === undefined) {
      this.died.push(failpoint.name);
      return;
    }
    const said = this.program.stderr() + this.program.stdout();
    if (code !== 0 && this.#parts.mayFail?.test(said) && !this.#parts.ready.test(said)) return;
    this.surprises.push(`${this.name} ended with ${signal ?? code}: ${this.program.stderr().slice(-1500)}`);
  }
}
