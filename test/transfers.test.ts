import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Control } from "../src/control/core/control.ts";
import { jobTokenOf } from "../src/control/jobs/dispatcher.ts";
import { storePlanFiles } from "../src/control/jobs/plan-files.ts";
import { createApiKey } from "../src/control/people/api-keys.ts";
import { pushState } from "../src/control/states/push.ts";
import { createWorkspace } from "../src/control/workspaces/workspaces.ts";
import { JobArtifactService, UploadPlanRequestSchema } from "../src/gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { DownloadStateRequestSchema, UploadStateRequestSchema } from "../src/gen/windlass/v1/state_service_pb.ts";
import { Readiness } from "../src/http/readiness.ts";
import { systemRandom } from "../src/lib/random.ts";
import { newId } from "../src/lib/words/ids.ts";
import { hashToken } from "../src/lib/words/tokens.ts";
import type { Routes } from "../src/rpc/calls/options.ts";
import { gateFor, interceptorsFor } from "../src/rpc/interceptors.ts";
import { serviceRoutes } from "../src/rpc/routes.ts";
import { jobArtifactService } from "../src/rpc/services/job-artifact.ts";
import { openBlobStore } from "../src/store/open.ts";
import { openTestControl, sha256, type TestControl } from "./support/control.ts";
import { type Listener, listen } from "./support/listen.ts";
import { uploadedFiles } from "./support/plan-files.ts";
import { jobRow, runRow } from "./support/rows.ts";
import { configuration } from "./support/store/rows.ts";
import { until } from "./support/until.ts";
import { newWorkspace } from "./support/wanted.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

const mib = 1024 * 1024;
const stateMib = 8;
let fixture: TestControl;
let directory: string;
let control: Control;
let listener: Listener;
let secret: string;
let stateId: string;
let applying: Working;
let planning: Working;

beforeAll(async () => {
  fixture = await openTestControl();
  directory = await mkdtemp(join(tmpdir(), "windlass-transfers-"));
  control = { ...fixture.control, blobs: await openBlobStore({ url: `files:${directory}` }) };
  const { organization, as } = fixture;
  const opened = await listen({
    ...{ host: "127.0.0.1", port: 0, routes: serviceRoutes(control, ofJobs), readiness: new Readiness() },
    ...{ interceptors: interceptorsFor(control), gate: gateFor(control), log: control.log, clock: fixture.clock },
  });
  if (opened.kind !== "listening") throw new Error(opened.message);
  listener = opened.listener;
  secret = (await createApiKey(control, { name: "x", role: "operator", organizationId: organization.id })).secret;
  await createWorkspace(control, as("operator"), newWorkspace("network"));
  const bytes = Buffer.from(
    `{"version":4,"terraform_version":"1.9.0","serial":1,"lineage":"l-1","note":"${randomBytes((stateMib * mib) / 2).toString("hex")}"}`,
  );
  const push = { workspace: { organization: "", name: "network" }, sha256: sha256(bytes), bytes, isForced: false };
  stateId = (await pushState(control, as("operator"), push)).state.id;
  applying = await working("apply", randomBytes(stateMib * mib + 1));
  planning = await working("plan", Buffer.from("x"));
});
afterAll(async () => {
  const closing = listener.close(0);
  await fixture.clock.advance(1_000);
  await closing;
  await control.blobs[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
  await fixture[Symbol.asyncDispose]();
});

const sessions = new Set<ClientHttp2Session>();
afterEach(async () => {
  for (const session of sessions) session.destroy();
  sessions.clear();
  await until("nobody is connected", () => listener.connections === 0);
});

const ofJobs: Routes = (router) => void router.service(JobArtifactService, jobArtifactService(control));

interface Working {
  readonly token: string;
}

/** A job that runs, and its token; its run's plan made these files. */
async function working(phase: "plan" | "apply", made: Uint8Array): Promise<Working> {
  const { organization } = fixture;
  const { store, clock } = control;
  const workspace = await store.read((q) => q.workspaces.byName(organization.id, "network"));
  if (workspace === undefined) throw new Error("the workspace is there");
  const ids = { organizationId: organization.id, workspaceId: workspace.id };
  const sent = configuration({ id: newId("cv", systemRandom), ...ids });
  const run = runRow(workspace, { configurationId: sent.id, status: phase === "plan" ? "planning" : "applying" });
  const files = await storePlanFiles(control, run.id, uploadedFiles(made));
  const job = jobRow(run, { phase, status: "started", epoch: 1, attempt: 1, startedAt: clock.now() });
  const token = jobTokenOf(control, job);
  await store.write(async (tx) => {
    await tx.configurations.insert(sent);
    await tx.runs.insert({ ...run, ...files });
    await tx.jobs.insert({ ...job, tokenHash: hashToken(token) });
  });
  return { token };
}

function call(method: string, message: Uint8Array, token = secret): ClientHttp2Stream {
  const session = connect(listener.url);
  sessions.add(session);
  session.on("error", () => {});
  const stream = session.request({
    ...{ ":method": "POST", ":path": `/${method}`, te: "trailers" },
    ...{ "content-type": "application/grpc", authorization: `Bearer ${token}` },
  });
  stream.on("error", () => {});
  stream.write(framed(message));
  return stream;
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

const download = () => {
  const request = create(DownloadStateRequestSchema, { stateVersionId: stateId });
  const stream = call("windlass.v1.StateService/DownloadState", toBinary(DownloadStateRequestSchema, request));
  stream.end();
  return stream;
};
const artifacts = "windlass.agent.v1.JobArtifactService";
const downloadFiles = () => {
  const stream = call(`${artifacts}/DownloadPlanFiles`, new Uint8Array(), applying.token);
  stream.end();
  return stream;
};
const downloads = { DownloadState: download, DownloadPlanFiles: downloadFiles };

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** What is held outside of the heap, by server and clients. */
const memory = () => {
  collectGarbage();
  return process.memoryUsage().external;
};

test.each(Object.entries(downloads))(
  "%s that nobody reads holds some pieces each, and is cut off after 30 seconds",
  async (_name, open) => {
    const before = memory();
    const streams = Array.from({ length: 30 }, open);
    await Promise.all(streams.map((stream) => once(stream, "response")));
    expect(memory() - before).toBeLessThan(30 * 3 * mib);
    const ends = streams.map((stream) => once(stream, "close"));
    await fixture.clock.advance(31_000);
    for (const stream of streams) stream.resume();
    await Promise.all(ends);
  },
);

test.each(Object.entries(downloads))(
  "%s whose caller reads is whole, and 34 at once of one key wait for each other",
  async (_name, open) => {
    const sizes = Array.from({ length: 34 }, async () => {
      const stream = open();
      let bytes = 0;
      stream.on("data", (piece: Buffer) => {
        bytes += piece.length;
      });
      await once(stream, "end");
      return bytes;
    });
    for (const size of await Promise.all(sizes)) expect(size).toBeGreaterThan(stateMib * mib);
  },
);

/** Begins an upload that stops half-way; answers how it ends. */
async function halted(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
  const trailers = new Promise<Record<string, unknown>>((resolve) => {
    stream.on("response", (headers) => "grpc-status" in headers && resolve(headers));
    stream.on("trailers", resolve);
  });
  stream.resume();
  return trailers;
}

const stateHeader = () => {
  const header = { workspace: "network", sizeBytes: 1_000n, sha256: "0".repeat(64) };
  const message = create(UploadStateRequestSchema, { part: { case: "header", value: header } });
  return call("windlass.v1.StateService/UploadState", toBinary(UploadStateRequestSchema, message));
};
/** A whole plan, and the beginning of its files. */
const planAndSomeFiles = () => {
  const value = {
    ...{ planSizeBytes: 4n, planSha256: sha256("plan") },
    ...{ filesSizeBytes: 1_000_000n, filesSha256: "0".repeat(64) },
  };
  const parts: readonly NonNullable<MessageInitShape<typeof UploadPlanRequestSchema>["part"]>[] = [
    { case: "header", value },
    { case: "planChunk", value: Buffer.from("plan") },
    { case: "summary", value: {} },
    { case: "filesChunk", value: Buffer.alloc(400_000) },
  ];
  const messages = parts.map((part) => toBinary(UploadPlanRequestSchema, create(UploadPlanRequestSchema, { part })));
  const [first = new Uint8Array(), ...rest] = messages;
  const stream = call(`${artifacts}/UploadPlan`, first, planning.token);
  for (const message of rest) stream.write(framed(message));
  return stream;
};

test.each([
  ["UploadState", stateHeader, 0],
  ["the files of UploadPlan", planAndSomeFiles, 1],
])(
  "%s that stops half-way is given up after 30 seconds, and nothing half-written is kept",
  async (_name, open, files) => {
    const sleepers = fixture.clock.sleeping;
    const ended = halted(open());
    await until("the server waits for more", () => fixture.clock.sleeping > sleepers + 1);
    await until("what is kept in files is begun", async () => (await halfWritten()) === files);
    let isOver = false;
    void ended.then(() => {
      isOver = true;
    });
    // Others sleep here, too: that there is one more does not say that it is this one.
    await until("it is given up", async () => {
      await fixture.clock.advance(31_000);
      return isOver;
    });
    expect(await ended).toMatchObject({ "grpc-status": "4" });
    await until("nothing is left half-written", async () => (await halfWritten()) === 0);
  },
);

test("the files of an UploadPlan whose agent has gone are not kept, and it may begin anew at once", async () => {
  for (const _time of [1, 2]) {
    let stream = planAndSomeFiles();
    await until("some of it is written", async () => {
      stream.resume();
      // The one before is over a moment after its file is gone, and refuses another one until then.
      if (stream.closed) stream = planAndSomeFiles();
      return (await halfWritten()) > 0;
    });
    stream.session?.destroy();
    await until("nothing is left of it", async () => (await halfWritten()) === 0);
  }
});

const halfWritten = async () => (await readdir(join(directory, "incoming"))).length;
