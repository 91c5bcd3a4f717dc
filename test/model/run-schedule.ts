import { join } from "node:path";
import { messageOf } from "../../src/lib/values/errors.ts";
import type { Storage } from "./control-plane.ts";
import { end } from "./ending.ts";
import type { Schedule } from "./schedule.ts";
import type { Spoil } from "./spoils.ts";
import { World } from "./world.ts";

let count = 0;

/** Plays one schedule to its end, and throws what it broke, with what happened. */
export async function runSchedule(storage: Storage, schedule: Schedule, spoil: Spoil = {}): Promise<World> {
  const dir = join(storage.dir, `schedule-${++count}`);
  await using world = await World.open(dir, storage, schedule, spoil);
  try {
    for (const step of schedule.steps) await world.step(step);
    await end(world, storage.owner);
    return world;
  } catch (error) {
    const message = messageOf(error);
    throw new Error(`${message}\n${world.trace.slice(-150).join("\n")}`, { cause: error });
  }
}
