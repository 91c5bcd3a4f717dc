import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What the fake terraform does in one job. */
export interface Behaviour {
  /** Of all executions of a job, and of no other. */
  readonly id: string;
  readonly lines?: number | undefined;
  /** Letters at the end of each line. */
  readonly padding?: string | undefined;
  /** Seconds between two lines. */
  readonly pace?: number | undefined;
  /** After this line it waits until the gate is opened; 0 is never. */
  readonly holdAt?: number | undefined;
  readonly exitCode?: number | undefined;
  readonly changes?: boolean | undefined;
  readonly onInterrupt?: "end" | "ignore" | undefined;
}

/** The lineage of every state that it writes. */
export const lineage = "3f8a1c52-0000-4000-8000-c0ffee000001";

/** `conformance.env`, which the fake terraform reads. */
export const behaviourFile = (behaviour: Behaviour): string => {
  const { id, lines = 3, padding = "", pace = 0, holdAt = 0, exitCode = 0 } = behaviour;
  const { changes = true, onInterrupt = "end" } = behaviour;
  return [
    `id=${id} lines=${lines} padding=${padding} pace=${pace} hold_at=${holdAt} exit_code=${exitCode}`,
    `changes=${changes ? 1 : 0} on_interrupt=${onInterrupt} lineage=${lineage}`,
    "",
  ].join("\n");
};

/** The fake terraform of a stage, in a directory of its own that comes first on the agent's PATH. */
export class FakeEngine {
  readonly directory: string;
  readonly #home: string;

  private constructor(directory: string, home: string) {
    this.directory = directory;
    this.#home = home;
  }

  static async install(dir: string): Promise<FakeEngine> {
    const [directory, home] = [join(dir, "bin"), join(dir, "notes")];
    for (const path of [directory, home]) await mkdir(path);
    const script = await readFile(fileURLToPath(new URL("./fake-terraform", import.meta.url)), "utf8");
    await writeFile(join(directory, "terraform"), script.replace("@HOME@", home), { mode: 0o755 });
    return new FakeEngine(directory, home);
  }

  /** What the executions of a job have written down, oldest first. */
  async notes(id: string): Promise<readonly string[]> {
    const text = await readFile(join(this.#home, `${id}.notes`), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  }

  /** The pids of a job's executions. */
  async executions(id: string): Promise<readonly number[]> {
    const starts = (await this.notes(id)).filter((note) => /^(plan|apply) \d+$/.test(note));
    return starts.map((note) => Number(note.split(" ")[1]));
  }

  /** Lets executions that hold go on. */
  open(id: string): Promise<void> {
    return writeFile(join(this.#home, `${id}.open`), "");
  }

  /** The pids of all executions. */
  async allExecutions(): Promise<readonly number[]> {
    const names = await readdir(this.#home).catch(() => []);
    const ids = names.filter((name) => name.endsWith(".notes")).map((name) => name.slice(0, -".notes".length));
    return (await Promise.all(ids.map((id) => this.executions(id)))).flat();
  }
}
