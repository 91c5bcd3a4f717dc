import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "../../lib/fs/durable.ts";
import { readStateFile, type ValidState } from "./state.ts";

/** A state that is safe on the agent's disk. */
export interface StateSnapshot {
  /** Counts the snapshots of the job in the order in which they were written, from 1; 0 for one that is aside. */
  readonly sequence: number;
  readonly lineage: string;
  readonly serial: number;
  readonly terraformVersion: string;
  readonly sha256: string;
  readonly bytes: number;
  /** May be gone when a newer snapshot has come: the newest one always stays. */
  readonly file: string;
}

/** Snapshots that wait for their acknowledgement; older ones are of no use to anybody. */
const keep = 3;
const snapshotName = /^state-(\d+)\.tfstate$/;
/** As agents named them that had only the serial to go by. */
const serialName = /^(\d+)\.tfstate$/;

/** The snapshots of one job, one file each, written so that a crash leaves a whole one or none. */
export class StateSpool {
  readonly #dir: string;
  #snapshots: StateSnapshot[];

  private constructor(dir: string, snapshots: StateSnapshot[]) {
    this.#dir = dir;
    this.#snapshots = snapshots;
  }

  /** Opens the directory, making it if need be, with the snapshots of an earlier process. */
  static async open(dir: string): Promise<StateSpool> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const snapshots: StateSnapshot[] = [];
    for (const name of await readdir(dir)) {
      const file = join(dir, name);
      const sequence = sequenceIn(name);
      const state = sequence === undefined ? undefined : await readStateFile(file);
      if (sequence !== undefined && state?.kind === "valid") snapshots.push(snapshotOf(state, { sequence, file }));
      else if (name.endsWith(".partial")) await rm(file, { force: true });
    }
    return new StateSpool(
      dir,
      snapshots.sort((a, b) => a.sequence - b.sequence),
    );
  }

  get newest(): StateSnapshot | undefined {
    return this.#snapshots.at(-1);
  }

  /** Saves a state that was written after every one here. */
  async add(state: ValidState): Promise<StateSnapshot> {
    const sequence = (this.newest?.sequence ?? 0) + 1;
    const file = join(this.#dir, `state-${sequence}.tfstate`);
    await replaceFile(file, state.content);
    const snapshot = snapshotOf(state, { sequence, file });
    this.#snapshots.push(snapshot);
    await this.#drop(this.#snapshots.slice(0, -keep));
    return snapshot;
  }

  /** Forgets what a newer snapshot replaces, up to and including the acknowledged one; the newest stays. */
  acknowledge({ sequence }: Pick<StateSnapshot, "sequence">): Promise<void> {
    return this.#drop(this.#snapshots.slice(0, -1).filter((snapshot) => snapshot.sequence <= sequence));
  }

  /** Puts aside what cannot be accepted, for a person to look at. */
  async quarantine(name: string, state: ValidState): Promise<StateSnapshot> {
    const dir = join(this.#dir, "quarantine");
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const file = join(dir, `${name}-${state.sha256.slice(0, 16)}.tfstate`);
    await replaceFile(file, state.content);
    return snapshotOf(state, { sequence: 0, file });
  }

  async #drop(snapshots: readonly StateSnapshot[]): Promise<void> {
    this.#snapshots = this.#snapshots.filter((snapshot) => !snapshots.includes(snapshot));
    for (const { file } of snapshots) await rm(file, { force: true });
  }
}

function sequenceIn(name: string): number | undefined {
  const digits = (snapshotName.exec(name) ?? serialName.exec(name))?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function snapshotOf(state: ValidState, place: Pick<StateSnapshot, "sequence" | "file">): StateSnapshot {
  const { lineage, serial, terraformVersion, sha256, bytes } = state;
  return { ...place, lineage, serial, terraformVersion, sha256, bytes };
}
