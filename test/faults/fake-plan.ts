import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sensitiveMark } from "../../src/terraform/redaction/redact.ts";
import { toTfeId } from "../../src/tfe/core/ids.ts";
import type { Seeded } from "../support/seeded.ts";

/**
 * How the fake terraform behaves in an apply: `hang` and `obey` end at the first interrupt, `ignore` does not;
 * `release` goes on until the test releases it.
 */
export type FakeMode = "obey" | "hang" | "ignore" | "fail" | "release";

/** What the fake terraform does in one run. */
export interface FakePlan {
  readonly planLines: number;
  readonly applyLines: number;
  /** An object is created, and the state written, with each so many lines. */
  readonly every: number;
  /** Seconds between lines; 0 floods. */
  readonly pace: number;
  /** Extra letters of a line, two bytes each. */
  readonly wide: number;
  readonly mode: FakeMode;
  readonly lineage: string;
  readonly saves: FakeSaves;
  /**
   * Terraform writes its state after every change; OpenTofu now and then, and in a first apply at first the last object
   * alone.
   */
  readonly habit: FakeHabit;
  /** Its states are encrypted, as OpenTofu's can be: only lineage and serial can be read. */
  readonly encrypts?: boolean;
  /** All its objects have the secret as their id. */
  readonly hasSecretIds?: boolean;
  /** How large its plan file and its states are made beyond what stands in them, by what cannot be compressed. */
  readonly planKib?: number;
  readonly stateKib?: number;
}

export const fakeHabits = ["terraform", "tofu"] as const;

export type FakeHabit = (typeof fakeHabits)[number];

/** Each state has a serial of its own; two have the same; or the last one is, byte for byte, the one before it. */
export type FakeSaves = "rise" | "stay" | "return";

/** Value of the sensitive variable that every second line prints. */
export const secret = "not-to-be-seen-Wy7";

/** With `habit` the plan is the one of the same seed without it, in that habit. */
export function randomFakePlan(random: Seeded, habit?: FakeHabit): FakePlan {
  const plan = drawnPlan(random);
  const drawn = random.chance(0.4) ? "tofu" : "terraform";
  return { ...plan, habit: habit ?? drawn };
}

function drawnPlan(random: Seeded): Omit<FakePlan, "habit"> {
  const lineage = `lineage-${random.between(1, 2 ** 31)}`;
  const mode = random.weighted<FakeMode>([
    [78, "obey"],
    [7, "hang"],
    [7, "ignore"],
    [8, "fail"],
  ]);
  const saves = random.weighted<FakeSaves>([
    [60, "rise"],
    [20, "stay"],
    [20, "return"],
  ]);
  if (mode !== "hang" && random.chance(0.12)) {
    return {
      planLines: 50,
      applyLines: random.between(2, 8) * 1000,
      every: 500,
      pace: 0,
      wide: 20,
      mode,
      lineage,
      saves,
    };
  }
  return {
    planLines: random.between(2, 60),
    applyLines: random.between(10, 160),
    every: random.between(2, 20),
    pace: random.pick([0.01, 0.03, 0.06, 0.1]),
    wide: random.pick([0, 0, 3, 100]),
    mode,
    lineage,
    saves,
  };
}

/** Makes the configuration of a fake run. */
export async function writeFakeConfiguration(directory: string, plan: FakePlan): Promise<void> {
  await mkdir(directory, { recursive: true });
  const settings = [
    `plan_lines=${plan.planLines} apply_lines=${plan.applyLines} every=${plan.every}`,
    `plan_kib=${plan.planKib ?? 0} state_kib=${plan.stateKib ?? 0}`,
    `encrypts=${plan.encrypts === true ? 1 : ""} secret_ids=${plan.hasSecretIds === true ? 1 : ""}`,
    `pace=${plan.pace} wide=${plan.wide} mode=${plan.mode} lineage=${plan.lineage} saves=${plan.saves} habit=${plan.habit}`,
  ];
  await writeFile(join(directory, "main.tf"), 'resource "terraform_data" "fake" {}\n');
  await writeFile(join(directory, "fake.env"), `${settings.join("\n")}\n`);
}

/** What terraform's part of a log is when so many lines were printed, secrets masked. */
export function printed(plan: FakePlan, run: string, { verb, lines }: { readonly verb: Verb; readonly lines: number }) {
  const name = toTfeId(run);
  const padding = plan.wide === 0 ? "ab" : "é".repeat(plan.wide);
  const line = (number: number): string => {
    const tail = verb === "plan" || number % 2 === 0 ? ` ${sensitiveMark}` : "";
    const text = `${name} ${verb} line ${number} ${padding}${tail}\n`;
    if (verb === "plan" || number % plan.every !== 0) return text;
    const address = `fake.r[${number / plan.every - 1}]`;
    return `${text}${address}: Creating...\n${address}: Creation complete after 0s [id=${name}-${number / plan.every - 1}]\n`;
  };
  return Array.from({ length: lines }, (_, index) => line(index + 1)).join("");
}

type Verb = "plan" | "apply";

/** How an execution ended that ended by itself. */
export interface FakeEnding {
  readonly exitCode: number;
  readonly lines: number;
}

/** A state that was whole on the disk. */
export interface FakeState {
  readonly serial: number;
  readonly sha256: string;
}

/** The fake terraform of a scene, and what it wrote down. */
export class FakeEngine {
  readonly #home: string;

  private constructor(home: string) {
    this.#home = home;
  }

  /** Puts a copy of it into a directory of its own. */
  static async install(home: string): Promise<FakeEngine> {
    for (const name of ["executions", "signals", "serials", "missing", "finished", "ended"]) {
      await mkdir(join(home, name), { recursive: true });
    }
    const engine = new FakeEngine(home);
    await cp(fileURLToPath(new URL("./fake-terraform", import.meta.url)), engine.path);
    return engine;
  }

  get path(): string {
    return join(this.#home, "terraform");
  }

  /** Lets the applies in mode `release` come to their end. */
  release(): Promise<void> {
    return writeFile(join(this.#home, "release"), "");
  }

  /** The pids of a phase's executions. */
  async executions(run: string, verb: Verb): Promise<readonly number[]> {
    return (await this.#lines(`executions/${toTfeId(run)}-${verb}`)).map(Number);
  }

  /** Every pid that ever executed anything. */
  async allPids(): Promise<readonly number[]> {
    const names = await readdir(join(this.#home, "executions"));
    return (await Promise.all(names.map((name) => this.#lines(`executions/${name}`)))).flat().map(Number);
  }

  /** The signals that the executions of a phase have got. */
  async signals(run: string, verb: Verb): Promise<readonly string[]> {
    return this.#lines(`signals/${toTfeId(run)}-${verb}`);
  }

  /** The serials of the states that a run has written. */
  async serials(run: string): Promise<readonly number[]> {
    return (await this.states(run)).map(({ serial }) => serial);
  }

  /** The states that a run has written, in their order. */
  async states(run: string): Promise<readonly FakeState[]> {
    return (await this.#lines(`serials/${toTfeId(run)}`)).map((line) => {
      const [serial = "", sha256 = ""] = line.split(" ");
      return { serial: Number(serial), sha256 };
    });
  }

  /** The ids of the objects that an apply said it had made, by address. */
  async finished(run: string): Promise<ReadonlyMap<string, string>> {
    return new Map((await this.#lines(`finished/${toTfeId(run)}`)).map((line) => line.split(" ") as [string, string]));
  }

  /** True if the apply did not find what the plan had made. */
  async missesFiles(run: string): Promise<boolean> {
    return (await this.#lines(`missing/${toTfeId(run)}`)).length > 0;
  }

  /** The endings of a phase's executions; one that was ended from outside has none. */
  async endings(run: string, verb: Verb): Promise<readonly FakeEnding[]> {
    return (await this.#lines(`ended/${toTfeId(run)}-${verb}`)).map((line) => {
      const [exitCode = Number.NaN, lines = Number.NaN] = line.split(" ").map(Number);
      return { exitCode, lines };
    });
  }

  async #lines(name: string): Promise<readonly string[]> {
    const text = await readFile(join(this.#home, name), "utf8").catch(() => "");
    return text.split("\n").filter((line) => line !== "");
  }
}
