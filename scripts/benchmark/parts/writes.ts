import pg from "pg";
import { createRun, type NewRun } from "../../../src/control/runs/runs.ts";
import { systemRandom } from "../../../src/lib/random.ts";
import { newId } from "../../../src/lib/words/ids.ts";
import { openTestControl, type TestControl } from "../../../test/support/control.ts";
import { plainOptions } from "../../../test/support/rows.ts";
import { configuration, workspace } from "../../../test/support/store/rows.ts";
import type { Bench, Goal, Part, Row, Storage, Unit } from "../part.ts";
import { now } from "../timing.ts";

const workspaces = 20;
const callerCounts = [1, 32, 64];

/** What PostgreSQL was asked: a trip is one wait for its answer, however many statements it takes along. */
interface Traffic {
  trips: number;
  rollbacks: number;
}

/** Counts what every client of this process sends until it is disposed. */
function watchTraffic(): Traffic & Disposable {
  const prototype: { query: (...all: never[]) => unknown } = pg.Client.prototype;
  const original = prototype.query;
  const open = new WeakMap<object, number>();
  const seen = { trips: 0, rollbacks: 0 };
  prototype.query = function (this: object, ...all: unknown[]) {
    const [first] = all;
    const text = typeof first === "string" ? first : "";
    const before = open.get(this) ?? 0;
    if (before === 0) seen.trips += 1;
    if (text.startsWith("ROLLBACK;")) seen.rollbacks += 1;
    const answer = Reflect.apply(original, this, all);
    if (answer instanceof Promise) {
      open.set(this, before + 1);
      const settle = () => open.set(this, (open.get(this) ?? 1) - 1);
      answer.then(settle, settle);
    }
    return answer;
  };
  return Object.assign(seen, {
    [Symbol.dispose]: () => {
      prototype.query = original;
    },
  });
}

async function prepare({ control, organization, clock }: TestControl): Promise<readonly string[]> {
  const at = { createdAt: clock.now(), updatedAt: clock.now() };
  const ids = Array.from({ length: workspaces }, () => newId("ws", systemRandom));
  await control.store.write(async (tx) => {
    for (const [index, id] of ids.entries()) {
      const owner = { organizationId: organization.id, name: `space-${index}` };
      await tx.workspaces.insert(workspace({ id, ...owner, ...at }));
      const uploaded = { createdAt: clock.now(), uploadedAt: clock.now() };
      const owned = { organizationId: organization.id, workspaceId: id, ...uploaded };
      await tx.configurations.insert(configuration({ id: newId("cv", systemRandom), ...owned }));
    }
  });
  return ids;
}

interface Load {
  readonly name: Storage["name"];
  readonly stage: TestControl;
  readonly names: readonly string[];
  readonly callers: number;
  readonly runs: number;
}

async function createMany({ name, stage: { control, admin }, names, callers, runs }: Load): Promise<readonly Row[]> {
  const ask = (name: string): NewRun => ({
    workspace: { organization: "", name },
    configurationId: "",
    options: { ...plainOptions, isAutoApply: undefined },
    message: "",
    requestId: systemRandom.uuid(),
  });
  const samples: number[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const caller = async () => {
    for (let turn = next++; turn < runs; turn = next++) {
      const beganMs = now();
      try {
        await createRun(control, admin, ask(names[turn % names.length] ?? ""));
        samples.push(now() - beganMs);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  using traffic = watchTraffic();
  const beganMs = now();
  const cpuBefore = process.cpuUsage();
  await Promise.all(Array.from({ length: callers }, caller));
  const cpu = process.cpuUsage(cpuBefore);
  const seconds = (now() - beganMs) / 1_000;
  const made = Math.max(1, samples.length);
  for (const failure of failures.slice(0, 1)) console.error(`a run could not be created on ${name}:`, failure);
  const what = (figure: string) => `CreateRun, ${callers} callers over ${workspaces} workspaces, ${name}: ${figure}`;
  const one = (figure: string, unit: Unit, value: number, goal?: Goal): Row => ({
    ...{ kind: "measured", what: what(figure), unit, samples: [value], goal },
  });
  return [
    one("created", "/s", samples.length / seconds, callers === 32 ? { kind: "at least", value: 300 } : undefined),
    { kind: "measured", what: what("p50"), unit: "ms", samples },
    { kind: "measured", what: what("p99"), unit: "ms", samples, share: 0.99 },
    one("CPU of the process for each", "ms", (cpu.user + cpu.system) / 1_000 / made),
    one("attempts given up for each", "", traffic.rollbacks / made),
    one("failed", "", failures.length),
    ...(name === "SQLite" ? [] : [one("trips for each", "", traffic.trips / made)]),
  ];
}

async function onEngine(name: Storage["name"], rows: string | undefined, runs: number): Promise<readonly Row[]> {
  await using stage = await openTestControl({ limits: { maxQueuedRuns: 0 }, ...(rows === undefined ? {} : { rows }) });
  const names = await prepare(stage);
  await createMany({ name, stage, names, callers: 4, runs: 40 });
  const found: Row[] = [];
  for (const callers of callerCounts) found.push(...(await createMany({ name, stage, names, callers, runs })));
  return found;
}

/** In one process, without the road to it: what is measured is the store and what decides over it. */
export const writes: Part = {
  name: "writes",
  about: "runs created by many callers at once, on both databases",
  usualSeconds: 40,
  measure: async ({ rounds, postgres }: Bench) => {
    const rows = await onEngine("SQLite", undefined, rounds * 40);
    const found = await postgres();
    if (found.kind === "absent") return [...rows, { kind: "missing", what: "CreateRun, PostgreSQL", why: found.why }];
    return [...rows, ...(await onEngine("PostgreSQL", found.url, rounds * 40))];
  },
};
