import { makingEngine } from "../../../test/support/engine.ts";
import type { TestServer } from "../../../test/support/scene.ts";
import { until } from "../../../test/support/until.ts";
import { Fleet } from "../load/fleet.ts";
import { createRuns, workspacesOf } from "../load/run-places.ts";
import type { Bench, Part, Row } from "../part.ts";
import { usageOf } from "../process-usage.ts";
import { preciseMs } from "../timing.ts";
import { cancelDelays } from "./cancel.ts";
import { followed, talkingWorkspace } from "./follow.ts";

const sizes = [1, 2, 3] as const;
const agentCount = 60;
const runCount = 240;
const workspaceCount = 60;
const callersOfAll = 12;
const cancelsARound = 4;

export const replicas: Part = {
  name: "replicas",
  about: `servers on one PostgreSQL: ${sizes.join(", ")} of them create and end runs; what an agent of one says and hears at another`,
  usualSeconds: 120,
  measure,
};

async function measure(bench: Bench): Promise<readonly Row[]> {
  const postgres = await bench.postgres();
  if (postgres.kind === "absent") return [{ kind: "missing", what: "replicas", why: postgres.why }];
  await using held = new AsyncDisposableStack();
  const groups: Group[] = [];
  for (const size of sizes) groups.push(await openGroup(await postgres.replicas(bench.scene, size), held));
  // The first round warms the servers.
  for (let round = 0; round <= bench.rounds; round++)
    for (const group of groups) await playRound(group, { isCounted: round > 0 });
  const rows = groups.flatMap(rowsOf);
  const pair = await postgres.replicas(bench.scene, 2);
  return [...rows, ...(await acrossRows(bench, pair))];
}

/** Servers of one database, each with its share of the agents. */
interface Group {
  readonly servers: readonly TestServer[];
  readonly fleets: readonly Fleet[];
  readonly workspaces: readonly string[];
  readonly perSecond: number[];
  readonly cpuMs: number[];
}

async function openGroup(servers: readonly TestServer[], held: AsyncDisposableStack): Promise<Group> {
  const [first] = servers;
  if (first === undefined) throw new Error("a group has one server at least");
  const pool = await first.api.pool();
  const fleets: Fleet[] = [];
  for (const server of servers)
    fleets.push(held.use(await Fleet.connect(server, { count: agentCount / servers.length, pool })));
  return { servers, fleets, workspaces: await workspacesOf(first, pool, workspaceCount), perSecond: [], cpuMs: [] };
}

const sealedOf = ({ fleets }: Group): number => fleets.reduce((sum, { sealed }) => sum + sealed, 0);

const cpuOf = async ({ servers }: Group): Promise<number> => {
  const usages = await Promise.all(servers.map(({ program }) => usageOf(program.pid)));
  return usages.reduce((sum, { cpuMs }) => sum + cpuMs, 0);
};

/** Runs are created at every server at once, and counted until the last one has ended, wherever its agent is. */
async function playRound(group: Group, { isCounted }: { readonly isCounted: boolean }): Promise<void> {
  const { servers, fleets, workspaces } = group;
  const [cpuBefore, from, had] = [await cpuOf(group), preciseMs(), sealedOf(group)];
  const shares = await Promise.all(
    servers.map((server) =>
      createRuns(server, workspaces, { count: runCount / servers.length, atOnce: callersOfAll / servers.length }),
    ),
  );
  const created = shares.reduce((sum, share) => sum + share.created, 0);
  await untilAllSealed(group, had + created);
  if (!isCounted) return;
  const last = Math.max(...fleets.map(({ lastAtMs }) => lastAtMs));
  group.perSecond.push((created / (last - from)) * 1000);
  group.cpuMs.push(((await cpuOf(group)) - cpuBefore) / created);
}

const untilAllSealed = (group: Group, count: number): Promise<unknown> =>
  until(`${count} runs have ended`, () => sealedOf(group) >= count, {
    deadlineMs: 180_000,
    everyMs: 5,
    seen: () => sealedOf(group),
  });

const rowsOf = ({ servers, perSecond, cpuMs }: Group): readonly Row[] => [
  {
    kind: "measured",
    what: `plan-only runs, created → ended, ${servers.length === 1 ? "1 server" : `${servers.length} servers`}`,
    unit: "/s",
    samples: perSecond,
  },
  { kind: "measured", what: "  CPU of all servers for a run", unit: "ms", samples: cpuMs },
];

/** The agent is connected to one server, and people to the other. */
async function acrossRows({ scene, rounds }: Bench, [here, there]: readonly TestServer[]): Promise<readonly Row[]> {
  if (here === undefined || there === undefined) throw new Error("a pair has two servers");
  const pool = await here.api.pool();
  await scene.agent(there, { pool, args: ["--engine-path", await makingEngine(scene.directory)] });
  const { workspace } = await talkingWorkspace(scene, here, pool);
  const seen: number[] = [];
  for (let round = 0; round < rounds; round++) seen.push(...(await followed(here, workspace)));
  const canceled = await cancelDelays(scene, here, { pool, count: rounds * cancelsARound });
  const lines = { kind: "measured", unit: "ms", samples: seen } as const;
  const cancels = { kind: "measured", unit: "ms", samples: canceled } as const;
  return [
    { ...lines, what: "line of an agent at one server → seen at another, p50" },
    { ...lines, what: "  p99", share: 0.99 },
    { ...cancels, what: "cancel at one server → SIGINT by an agent at another, p50" },
    { ...cancels, what: "  p99", share: 0.99 },
  ];
}
