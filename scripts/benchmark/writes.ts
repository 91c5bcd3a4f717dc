import pg from "pg";
import { createRun, type NewRun } from "../../src/control/runs/runs.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { newId } from "../../src/lib/words/ids.ts";
import { findPostgresBin, startPostgresServer } from "../../test/postgres-server.ts";
import { openTestControl, type TestControl } from "../../test/support/control.ts";
import { plainOptions } from "../../test/support/rows.ts";
import { configuration, workspace } from "../../test/support/store/rows.ts";
import { now, shareOf } from "./timing.ts";

const workspaces = 20;
const callerCounts = [1, 32, 64];

/** What PostgreSQL was asked: a trip is one wait for its answer, however many statements it takes along. */
interface Traffic {
  statements: number;
  trips: number;
  rollbacks: number;
}

/** Counts what every client of this process sends until it is disposed. */
function watchTraffic(): Traffic & Disposable {
  const prototype = pg.Client.prototype as unknown as { query: (...all: unknown[]) => unknown };
  const original = prototype.query;
  const open = new WeakMap<object, number>();
  const seen = { statements: 0, trips: 0, rollbacks: 0 };
  prototype.query = function (this: object, ...all) {
    const [first] = all;
    const text = typeof first === "string" ? first : ((first as { readonly text?: string })?.text ?? "");
    const before = open.get(this) ?? 0;
    seen.statements += text.split(";").filter((part) => part.trim() !== "").length;
    if (before === 0) seen.trips += 1;
    if (text.startsWith("ROLLBACK;")) seen.rollbacks += 1;
    const answer = original.apply(this, all);
    if (answer instanceof Promise) {
      open.set(this, before + 1);
      const settle = () => open.set(this, (open.get(this) ?? 1) - 1);
      answer.then(settle, settle);
    }
    return answer;
  };
  return Object.assign(seen, { [Symbol.dispose]: () => void (prototype.query = original) });
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
  readonly stage: TestControl;
  readonly names: readonly string[];
  readonly callers: number;
  readonly runs: number;
}

async function createMany({ stage: { control, admin }, names, callers, runs }: Load): Promise<string> {
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
  const ms = (share: number) => shareOf(samples, share).toFixed(1).padStart(7);
  const cells = [
    String(callers).padStart(8),
    (samples.length / seconds).toFixed(0).padStart(7),
    ms(0.5),
    ms(0.99),
    String(traffic.rollbacks).padStart(8),
    String(failures.length).padStart(9),
    ((cpu.user + cpu.system) / 1_000 / made).toFixed(2).padStart(9),
    (traffic.trips / made).toFixed(1).padStart(7),
    (traffic.statements / made).toFixed(1).padStart(11),
  ];
  const [first] = failures;
  return cells.join("") + (first === undefined ? "" : `\n    first failure: ${String(first)}`);
}

const heading = " callers runs/s     p50     p99 retries failures  CPU ms/run  trips statements";

async function engineTable(name: string, rows: string | undefined, runs: number): Promise<string> {
  await using stage = await openTestControl({ limits: { maxQueuedRuns: 0 }, ...(rows === undefined ? {} : { rows }) });
  const ids = await prepare(stage);
  await createMany({ stage, names: ids, callers: 4, runs: 40 });
  const lines: string[] = [];
  for (const callers of callerCounts) lines.push(await createMany({ stage, names: ids, callers, runs }));
  return [`  CreateRun over ${workspaces} workspaces on ${name}; milliseconds`, heading, ...lines].join("\n");
}

/** Runs created by many callers at once, in one process over each engine: rate, latency, retries, failures, and what they cost. */
export async function writesTable(runs: number): Promise<string> {
  const tables = [await engineTable("SQLite", undefined, runs)];
  const bin = findPostgresBin();
  if (bin === undefined) tables.push("  PostgreSQL is not installed here");
  else {
    await using server = await startPostgresServer(bin, { isDurable: true });
    tables.push(await engineTable("PostgreSQL", server.url("postgres"), runs));
  }
  return tables.join("\n");
}
