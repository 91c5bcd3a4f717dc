import { setImmediate as nextTurn } from "node:timers/promises";

/** Work that ends outside of this process's own promises, such as a commit. */
let underWay = 0;

/** Counts a piece of work until it has settled. */
export async function counted<T>(work: Promise<T>): Promise<T> {
  underWay++;
  try {
    return await work;
  } finally {
    underWay--;
  }
}

const idleTurns = 4;
/** Far more than any step needs: past it, two sides answer each other for ever without time going on. */
const maxTurns = 200_000;

/** Resolves when nothing moves any more until time goes on: no file operation, no counted work, no ready promise. */
export async function quiet(): Promise<void> {
  let idle = 0;
  for (let turn = 0; idle < idleTurns; turn++) {
    if (turn > maxTurns) throw new Error("the system does not come to rest: something repeats without time going on");
    await nextTurn();
    idle = isBusy() ? 0 : idle + 1;
  }
}

/** Lets the event loop go on for a few turns, whatever is under way. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

/** Operations of files, their closing among them; watching them is none. */
const isBusy = (): boolean =>
  underWay > 0 || process.getActiveResourcesInfo().some((name) => name.startsWith("FSReq") || name === "CloseReq");
