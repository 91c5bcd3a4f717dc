import { appendFileSync, existsSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { InterruptOutcome, Step, StepCommand, StepOutcome } from "../../src/agent/steps/step-process.ts";
import { abortable } from "../../src/lib/async/abort.ts";
import type { Random } from "../../src/lib/random.ts";
import { fromTfeId } from "../../src/tfe/core/ids.ts";

/**
 * How terraform writes its state: `next` is another content, under the next serial; `back` is what it was given, under
 * the serial that it has come to; `stays` is another content under the same serial, as after an update of terraform.
 */
export type Save = "next" | "back" | "stays";

/** What a program does about SIGINT. */
export type Manner = "obeys" | "ignores";

export interface ProcessOptions {
  readonly command: StepCommand;
  readonly manner: Manner;
  readonly random: Random;
  /** The state that lies in its directory. */
  readonly given: GivenText | undefined;
  /** How it writes its state when it ends by itself. */
  readonly lastSave: Save;
}

/** A state as it was given. */
export interface GivenText {
  readonly lineage: string;
  readonly serial: number;
  readonly text: string;
}

/** Where terraform was told to keep its state. */
export const stateFileOf = ({ argv, cwd }: Pick<StepCommand, "argv" | "cwd">): string =>
  argv.find((argument) => argument.startsWith("-state="))?.slice("-state=".length) ??
  join(realpathSync(cwd), "terraform.tfstate");

/**
 * Terraform as its agent sees it: a program that writes to files, outlives the agent, and ends when it likes. As with
 * the real steps, what keeps it from a second start and a second SIGINT is a file in its directory.
 */
export class TerraformProcess implements Step {
  readonly dir: string;
  readonly runId: string;
  readonly subcommand: string;
  readonly manner: Manner;
  /** Numbered lines that were printed. */
  lines = 0;
  /** Serial of the last whole state that was written; undefined before. */
  serial: number | undefined;
  /** The last whole state that was written. */
  saved: string | undefined;
  /** How often SIGINT has arrived. */
  interrupts = 0;
  readonly #logFile: string;
  readonly #stateFile: string;
  readonly #plan: string | undefined;
  readonly #given: GivenText | undefined;
  readonly #lastSave: Save;
  readonly #ended = Promise.withResolvers<StepOutcome>();
  #lineage: string;
  #outcome: StepOutcome | undefined;

  constructor({ command, manner, random, given, lastSave }: ProcessOptions) {
    const { dir, argv, env, logFile } = command;
    this.dir = dir;
    this.runId = fromTfeId(env.TFC_RUN_ID ?? "");
    this.subcommand = argv[1] ?? "";
    this.manner = manner;
    this.serial = given?.serial;
    this.#given = given;
    this.#lastSave = lastSave;
    this.#lineage = given?.lineage ?? random.uuid();
    this.#logFile = logFile;
    this.#plan = argv.find((argument) => argument.startsWith("-out="))?.slice("-out=".length);
    this.#stateFile = stateFileOf(command);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, "start.json"), "", { flag: "wx" });
    this.#write("");
  }

  /** The state that lay in its directory. */
  get given(): string | undefined {
    return this.#given?.text;
  }

  get isAlive(): boolean {
    return this.#outcome === undefined;
  }

  get outcome(): StepOutcome | undefined {
    return this.#outcome;
  }

  /** False once what remembers it is gone from the disk. */
  get isKnown(): boolean {
    return existsSync(join(this.dir, "start.json"));
  }

  // ---- what it does by itself

  /** Prints numbered lines, with an event of terraform's around each. */
  print(count: number): void {
    const wide = count > 10 ? "x".repeat(80) : "";
    let text = "";
    for (let line = 0; line < count; line++) {
      this.lines++;
      const address = `terraform_data.r${this.lines}`;
      text += `${event("apply_start", `${address}: Creating...`, address)}\n`;
      text += `line ${this.lines} of ${this.runId} ${wide}\n`;
    }
    this.#write(text);
  }

  /** Writes its state, as terraform does: in place. */
  saveState(save: Save, { isTorn = false } = {}): void {
    const text = this.#stateAfter(save);
    this.#toDisk(() => writeFileSync(this.#stateFile, isTorn ? text.slice(0, 20) : text));
    if (isTorn) return;
    this.serial = JSON.parse(text).serial;
    this.saved = text;
  }

  /** The serial rises only when the content is another one than was read in the beginning. */
  #stateAfter(save: Save): string {
    const { serial = 0, lines } = this;
    if (save === "back" && this.#given !== undefined) {
      return this.#given.text.replace(/"serial":\d+/, `"serial":${serial}`);
    }
    const isNext = save !== "stays" || serial === 0;
    const resources = Array.from({ length: lines }, (_, index) => ({ mode: "managed", name: `r${index}` }));
    const head = { version: 4, terraform_version: isNext ? "1.11.4" : "1.11.5", serial: serial + (isNext ? 1 : 0) };
    const rest = { lineage: this.#lineage, outputs: {}, resources, run: this.runId };
    return JSON.stringify({ ...head, ...rest });
  }

  /** Ends by itself. */
  end(code: number): void {
    if (!this.isAlive) return;
    if (this.subcommand === "plan") this.#toDisk(() => writeFileSync(this.#plan ?? "", `plan of ${this.runId}`));
    if (this.subcommand === "show") this.#write(`${JSON.stringify(shownPlan)}\n`);
    if (this.subcommand === "providers") this.#write(`${JSON.stringify(shownSchemas)}\n`);
    if (this.subcommand === "apply") {
      this.print(1);
      this.saveState(this.#lastSave);
    }
    this.#settle({ kind: "exited", code });
  }

  /** Ends as by lack of memory, in the middle of writing its state. */
  dies(outcome: StepOutcome): void {
    if (!this.isAlive) return;
    this.saveState("next", { isTorn: true });
    this.#settle(outcome);
  }

  // ---- what its agent does with it

  async pid(): Promise<number | undefined> {
    return this.isAlive ? 1 : undefined;
  }

  waitForExit(signal?: AbortSignal): Promise<StepOutcome> {
    return abortable(this.#ended.promise, signal);
  }

  async interrupt(): Promise<InterruptOutcome> {
    if (!this.isAlive) return "not-running";
    try {
      writeFileSync(join(this.dir, "interrupted"), "", { flag: "wx" });
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") return "already-sent";
      throw error;
    }
    this.interrupts++;
    this.#write(`interrupted ${this.runId}\n`);
    if (this.manner === "obeys") this.end(1);
    return "sent";
  }

  /** It goes on, as one that waits for its provider does. */
  /** It stands for terraform, never for a hook. */
  async terminate(): Promise<InterruptOutcome> {
    return "not-running";
  }

  async interruptAgain(): Promise<InterruptOutcome> {
    return this.isAlive ? "sent" : "not-running";
  }

  async forceStop(): Promise<"sent" | "not-running"> {
    if (!this.isAlive) return "not-running";
    this.dies({ kind: "signaled", signal: "SIGKILL" });
    return "sent";
  }

  #settle(outcome: StepOutcome): void {
    this.#outcome = outcome;
    this.#ended.resolve(outcome);
  }

  #write(text: string): void {
    this.#toDisk(() => appendFileSync(this.#logFile, text));
  }

  /** Its disk may have been emptied under it. */
  #toDisk(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
}

const event = (type: string, message: string, addr: string): string =>
  JSON.stringify({
    "@level": "info",
    "@message": message,
    type,
    hook: { resource: { addr }, action: "create" },
  });

const shownSchemas = { format_version: "1.0", provider_schemas: {} };

const shownPlan = {
  format_version: "1.2",
  terraform_version: "1.11.4",
  resource_changes: [
    {
      address: "terraform_data.r1",
      mode: "managed",
      type: "terraform_data",
      provider_name: "terraform.io/builtin/terraform",
      change: { actions: ["create"], before: null, after: {}, after_unknown: {} },
    },
  ],
};
