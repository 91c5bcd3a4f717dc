import { Fleet } from "../load/fleet.ts";
import { type Bench, type Goal, orMissing, type Part, type Row } from "../part.ts";
import { now } from "../timing.ts";

export const restart: Part = {
  name: "restart",
  about: "kill -9 of the control plane, start, until all agents are back",
  usualSeconds: 90,
  measure: async (bench) => {
    const rows: Row[] = [];
    for (const count of bench.agents)
      rows.push(...(await orMissing(bench, `${count} agents`, () => restarts(bench, count))));
    return rows;
  },
};

const goalsInSeconds: Readonly<Record<number, Goal>> = {
  1000: { kind: "at most", value: 0.6 },
  10000: { kind: "at most", value: 10 },
};

/** More agents than this, and one restart says enough. */
const few = 2_000;

async function restarts({ scene, sqlite, rounds }: Bench, count: number): Promise<readonly Row[]> {
  const server = await sqlite.server(scene);
  await using agents = await Fleet.connect(server, { count });
  const [back, ready]: [number[], number[]] = [[], []];
  for (let round = 0; round < (count > few ? 1 : rounds); round++) {
    const all = agents.back();
    const killedAt = now();
    await server.stop("SIGKILL");
    await server.start();
    ready.push((now() - killedAt) / 1000);
    await all;
    back.push((now() - killedAt) / 1000);
  }
  await server.stop("SIGKILL");
  const limit = { what: "until it is ready", samples: ready };
  const what = `kill -9 → ${count.toLocaleString("en")} agents back`;
  return [{ kind: "measured", what, unit: "s", samples: back, limit, goal: goalsInSeconds[count] }];
}
