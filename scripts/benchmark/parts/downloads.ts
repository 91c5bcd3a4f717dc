import { create, toBinary } from "@bufbuild/protobuf";
import { RunPhase } from "../../../src/gen/windlass/v1/run_pb.ts";
import { StreamRunLogsRequestSchema } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { call } from "../load/callers.ts";
import { openRawServer } from "../load/raw.ts";
import { calledOf } from "../load/run-places.ts";
import { type Bench, onEachStorage, type Part, type Row, type Storage } from "../part.ts";
import { endedRun } from "./calls.ts";

const mib = 64;
const downloadsARound = 3;

export const downloads: Part = {
  name: "downloads",
  about: `the log of an ended run, ${mib} MiB`,
  usualSeconds: 45,
  measure: (bench) => onEachStorage(bench, "log download", (storage) => measure(bench, storage)),
};

async function measure({ scene, rounds }: Bench, { name, server: open }: Storage): Promise<readonly Row[]> {
  const server = await open(scene);
  const runId = await endedRun(server, mib * 2 ** 20);
  const called = await calledOf(server);
  await using raw = await openRawServer(0, mib);
  const body = toBinary(
    StreamRunLogsRequestSchema,
    create(StreamRunLogsRequestSchema, { runId, phase: RunPhase.PLAN }),
  );
  const asked = { atOnce: 1, calls: downloadsARound };
  const [ours, theirs]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const log = await call(called, { ...asked, path: "/windlass.v1.RunService/StreamRunLogs", bodies: [body] });
    ours.push(log.bytesPerSecond / 1e6);
    theirs.push(
      (await call(raw, { ...asked, path: "/raw/Download", bodies: [new Uint8Array()] })).bytesPerSecond / 1e6,
    );
  }
  await server.stop("SIGTERM");
  const goal = name === "SQLite" ? ({ kind: "at least", value: 600, reference: 1_002 } as const) : undefined;
  const limit = { what: "grpc-js, 256 KiB messages", samples: theirs };
  return [{ kind: "measured", what: `log download, one at once, ${name}`, unit: "MB/s", samples: ours, limit, goal }];
}
