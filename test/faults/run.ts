// npm run test:faults -- [--schedules N] [--seed S] [--batch B] [--parallel P] [--report FILE] [--restarts R] [--only NAME]
//   [--habit terraform|tofu] [--links drawn|none] [--replicas N]
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { readEnvironment } from "../../src/lib/environment.ts";
import { fakeHabits } from "./fake-plan.ts";

const { values } = parseArgs({
  options: {
    schedules: { type: "string" },
    seed: { type: "string" },
    batch: { type: "string" },
    parallel: { type: "string" },
    report: { type: "string" },
    restarts: { type: "string" },
    only: { type: "string" },
    habit: { type: "string" },
    links: { type: "string" },
    replicas: { type: "string" },
  },
});
const { only, ...asked } = values;
const { habit, links, replicas } = asked;
if (habit !== undefined && !fakeHabits.some((known) => known === habit))
  throw new Error(`--habit is one of ${fakeHabits.join(", ")}, not ${JSON.stringify(habit)}`);
if (links !== undefined && !["drawn", "none"].includes(links))
  throw new Error(`--links is drawn or none, not ${JSON.stringify(links)}`);
if (replicas !== undefined && !/^[1-9]$/.test(replicas))
  throw new Error(`--replicas is a number from 1 to 9, not ${JSON.stringify(replicas)}`);
const settings = Object.fromEntries(
  Object.entries(asked).map(([name, value]) => [`WINDLASS_FAULTS_${name.toUpperCase()}`, value]),
);
// Asked for schedules, a person wants these and nothing else.
const files =
  only ??
  ([values.schedules, values.seed, habit, links, replicas].every((value) => value === undefined) ? "" : "schedule");
const child = spawn("vitest", ["run", `test/faults/${files}`], {
  stdio: "inherit",
  env: { ...readEnvironment(), ...settings },
});
const [code] = await once(child, "close");
process.exitCode = code ?? 1;
