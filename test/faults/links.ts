import type { Direction, Shape } from "../support/relay.ts";
import type { Seeded } from "../support/seeded.ts";
import type { Fault, TimedFault } from "./faults.ts";

/** Draws what the links of the agents are like for most of a batch: whole, cut again and again, slow, or both. */
export function drawLinks(random: Seeded, durationMs: number, agents: number): readonly TimedFault[] {
  return Array.from({ length: agents }, (_, agent) => drawLink(random, durationMs, agent)).flat();
}

function drawLink(random: Seeded, durationMs: number, agent: number): readonly TimedFault[] {
  const timed = (fault: (forMs: number) => Fault): TimedFault => {
    const atMs = random.between(0, Math.floor(durationMs / 2));
    return { atMs, fault: fault(random.between(1000, durationMs - atMs)) };
  };
  const direction = random.pick<Direction>(["up", "down"]);
  const bytes = magnitude(random, 500, 200_000);
  const bytesPerSecond = magnitude(random, 3000, 60_000);
  const cut = timed((forMs) => ({ kind: "cut-each", agent, direction, bytes, forMs }));
  const slow = timed((forMs) => ({ kind: "slow", agent, bytesPerSecond, forMs }));
  return random.pick([[], [cut], [slow], [cut, slow]]);
}

/** As often between 1,000 and 2,000 as between 10,000 and 20,000. */
const magnitude = (random: Seeded, low: number, high: number): number =>
  Math.round(low * (high / low) ** random.fraction());

/** Draws what becomes of the bytes of a direction for a while. */
export const drawShape = (random: Seeded): Shape =>
  random.pick<Shape>([
    { kind: "stall" },
    { kind: "stall" },
    { kind: "delay", ms: random.between(20, 400) },
    { kind: "throttle", bytesPerSecond: random.between(2000, 40_000) },
    { kind: "slice" },
  ]);
