import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { execa } from "execa";
import { RunPhase } from "../../../src/gen/windlass/v1/run_pb.ts";
import {
  GetRunRequestSchema,
  GetRunResponseSchema,
  StreamRunLogsRequestSchema,
} from "../../../src/gen/windlass/v1/run_service_pb.ts";
import type { TestServer } from "../../../test/support/scene.ts";
import { type Calls, type CallsMade, call } from "../load/callers.ts";
import { Fleet } from "../load/fleet.ts";
import { openRawServer } from "../load/raw.ts";
import { calledOf, workspacesOf } from "../load/run-places.ts";
import type { Bench, Goal, Part, Postgres, Row } from "../part.ts";

const forMs = 1_500;

export const calls: Part = {
  name: "calls",
  about: "unary calls and streams a second, beside a trivial grpc-js server",
  usualSeconds: 60,
  measure,
};

/** Something that is called again and again, and the same of the trivial server. */
interface Kind {
  readonly what: string;
  readonly calls: Calls;
  readonly rawPath: string;
  readonly goal: Goal;
}

const noMessage = new Uint8Array();

function kindsOf(runId: string): readonly Kind[] {
  const info = { path: "/windlass.v1.SystemService/GetServerInfo", bodies: [noMessage], ms: forMs };
  const run = toBinary(GetRunRequestSchema, create(GetRunRequestSchema, { runId }));
  const log = create(StreamRunLogsRequestSchema, { runId, phase: RunPhase.PLAN });
  const streams = { path: "/windlass.v1.RunService/StreamRunLogs", ms: forMs };
  const least = (value: number, reference: number): Goal => ({ kind: "at least", value, reference });
  const [unary, stream] = ["/raw/Unary", "/raw/Stream"];
  return [
    { what: "GetServerInfo, 1 at once", calls: { ...info, atOnce: 1 }, rawPath: unary, goal: least(8_000, 22_800) },
    { what: "GetServerInfo, 64 at once", calls: { ...info, atOnce: 64 }, rawPath: unary, goal: least(15_000, 42_600) },
    {
      what: "GetRun, 64 at once",
      calls: { path: "/windlass.v1.RunService/GetRun", bodies: [run], ms: forMs, atOnce: 64 },
      ...{ rawPath: unary, goal: least(8_000, 39_900) },
    },
    {
      what: "streams opened and ended (StreamRunLogs), 64 at once",
      calls: { ...streams, bodies: [toBinary(StreamRunLogsRequestSchema, log)], atOnce: 64 },
      ...{ rawPath: stream, goal: least(8_000, 37_500) },
    },
  ];
}

/** A run that has ended, with a log of 64 KiB. */
export async function endedRun(server: TestServer, logBytes: number): Promise<string> {
  await using fleet = await Fleet.connect(server, { count: 1, logBytes });
  fleet.beginLogs();
  const [workspace = ""] = await workspacesOf(server, fleet.pool, 1);
  const runId = await server.api.start(workspace, { planOnly: true });
  await fleet.untilSealed(1);
  return runId;
}

async function measure({ scene, rounds, sqlite, postgres }: Bench): Promise<readonly Row[]> {
  const server = await sqlite.server(scene);
  const runId = await endedRun(server, 64 * 1024);
  const called = await calledOf(server);
  const { run } = await server.api.clients.runs.getRun({ runId });
  const answer = toBinary(GetRunResponseSchema, create(GetRunResponseSchema, run === undefined ? {} : { run }));
  await using raw = await openRawServer(answer.length);
  const kinds = kindsOf(runId).map((kind) => ({ ...kind, ours: [] as CallsMade[], theirs: [] as CallsMade[] }));
  // The first round warms both servers, and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const { calls: asked, rawPath, ours, theirs } of kinds) {
      ours.push(await call(called, asked));
      theirs.push(await call(raw, { ...asked, path: rawPath, bodies: [noMessage] }));
    }
  }
  await server.stop("SIGTERM");
  const rows = kinds.flatMap(({ ours, theirs, ...kind }) => rowsOf(kind, ours.slice(1), theirs.slice(1)));
  return [...rows, await postgresRow(await postgres(), { scene, rounds })];
}

function rowsOf({ what, goal }: Kind, ours: readonly CallsMade[], theirs: readonly CallsMade[]): readonly Row[] {
  const [kind, limit] = ["measured", "grpc-js"] as const;
  const pair = (of: (made: CallsMade) => number) => ({
    samples: ours.map(of),
    limit: { what: limit, samples: theirs.map(of) },
  });
  return [
    { kind, what, unit: "/s", ...pair(({ perSecond }) => perSecond), goal },
    { kind, what: `  p50 of a call`, unit: "ms", ...pair(({ p50Ms }) => p50Ms) },
    { kind, what: `  p99 of a call`, unit: "ms", ...pair(({ p99Ms }) => p99Ms) },
    { kind, what: `  CPU of the server for a call`, unit: "µs", ...pair(({ cpuUs }) => cpuUs) },
  ];
}

/** A read on PostgreSQL, beside as many callers of `SELECT 1`. */
async function postgresRow(postgres: Postgres, { scene, rounds }: Pick<Bench, "scene" | "rounds">): Promise<Row> {
  const what = "GetRun, 32 at once, PostgreSQL";
  if (postgres.kind === "absent") return { kind: "missing", what, why: postgres.why };
  const server = await postgres.storage.server(scene);
  const runId = await endedRun(server, 64 * 1024);
  const called = await calledOf(server);
  const body = toBinary(GetRunRequestSchema, create(GetRunRequestSchema, { runId }));
  const script = join(scene.directory, "select.sql");
  await writeFile(script, "SELECT 1;\n");
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const asked = { path: "/windlass.v1.RunService/GetRun", bodies: [body], ms: forMs, atOnce: 32 };
    ours.push((await call(called, asked)).perSecond);
    const { stdout } = await execa(join(postgres.bin, "pgbench"), [
      "-n",
      "-f",
      script,
      "-c",
      "32",
      "-T",
      "2",
      "-d",
      postgres.url,
    ]);
    theirs.push(Number(/tps = ([\d.]+)/.exec(stdout)?.[1]));
  }
  await server.stop("SIGTERM");
  return {
    kind: "measured",
    what,
    unit: "/s",
    samples: ours,
    limit: { what: "SELECT 1 by 32 clients", samples: theirs },
  };
}
