import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { create, type DescMethod, toBinary } from "@bufbuild/protobuf";
import { DownloadStateRequestSchema, StateService } from "../src/gen/windlass/v1/state_service_pb.ts";
import { Role } from "../src/gen/windlass/v1/system_service_pb.ts";
import { SetVariablesRequestSchema, VariableService } from "../src/gen/windlass/v1/variable_service_pb.ts";
import { nameOf } from "../src/rpc/bodies/admission.ts";
import { requestLimits } from "../src/rpc/bodies/request-limits.ts";
import { matrix } from "../test/authorization/rows/index.ts";
import { Api } from "../test/support/api.ts";
import { costlyBodies } from "../test/support/costly-bodies.ts";
import { openScene } from "../test/support/scene.ts";

const mib = 1024 * 1024;
const owner = { kind: "api_key", id: "key_1", name: "a", role: "owner", organizationId: null } as const;

await using scene = await openScene();
const server = await scene.server({ args: ["--rate-limit", "0"] });

/** A key of a new organization. */
async function keyOf(name: string, role: Role): Promise<string> {
  await server.api.clients.organizations.createOrganization({ name });
  return (await server.api.clients.apiKeys.createApiKey({ organization: name, name: "bench", role })).secret;
}
const attacker = await keyOf("attackers", Role.OWNER);
const bystander = new Worker(new URL("./bystander.ts", import.meta.url), {
  workerData: { url: server.url, token: await keyOf("bystanders", Role.READER) },
});
let worstMs = 0;
bystander.on("message", (ms: number) => {
  worstMs = Math.max(worstMs, ms);
});

async function residentMib(name: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${server.program.pid}/status`, "utf8");
  return Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024);
}

interface Measure {
  readonly what: string;
  readonly worstMs: number;
  readonly tookMs: number;
}
const measures: Measure[] = [];

/** How long the bystander waited at worst while something happened. */
async function measure(what: string, attack: () => Promise<unknown>): Promise<void> {
  await pause(60);
  worstMs = 0;
  const start = performance.now();
  await attack();
  const tookMs = performance.now() - start;
  hangUp();
  await pause(60);
  measures.push({ what, worstMs, tookMs });
}

const sessions = new Set<ClientHttp2Session>();

/** A call on a connection of its own: the server cuts one that holds too much. */
function open(method: DescMethod, headers: Readonly<Record<string, string>>, body: Uint8Array): ClientHttp2Stream {
  const session = connect(server.url);
  session.on("error", () => {});
  sessions.add(session);
  const path = `/${method.parent.typeName}/${method.name}`;
  const authorization = `Bearer ${attacker}`;
  const stream = session.request({ ":method": "POST", ":path": path, authorization, ...headers });
  stream.on("error", () => {});
  stream.end(body);
  return stream;
}

async function send(...call: Parameters<typeof open>): Promise<void> {
  const stream = open(...call);
  stream.resume();
  const closed = once(stream, "close").catch(() => {});
  await Promise.race([closed, pause(30_000, undefined, { ref: false })]);
}

function hangUp(): void {
  for (const session of sessions) session.destroy();
  sessions.clear();
}

const grpc = { "content-type": "application/grpc+proto", te: "trailers" };
function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

await measure("nothing", () => pause(2_000));
for (const { method, admits } of matrix) {
  if (typeof admits !== "string" || method.methodKind === "bidi_streaming") continue;
  const { maxBytes } = requestLimits(method, admits === "anybody" ? undefined : owner);
  const bodies = [maxBytes - 64, 4 * mib].flatMap((bytes) => costlyBodies(method, bytes));
  await measure(`${nameOf(method)}: ${bodies.length} kinds of requests at once`, () =>
    Promise.all(bodies.map(({ headers, body }) => send(method, headers, body))),
  );
}
console.log(
  `after the requests of every RPC: ${await residentMib("VmRSS")} MiB, at most ${await residentMib("VmHWM")} MiB`,
);

using api = new Api(server.url, attacker);
const workspace = await api.workspace();
const variables = Array.from({ length: 500 }, (_, n) => ({ key: `v${n}`, value: "x".repeat(8_000), sensitive: true }));
const legal = framed(toBinary(SetVariablesRequestSchema, create(SetVariablesRequestSchema, { workspace, variables })));
const { setVariables } = VariableService.method;
await measure("SetVariables: 500 variables of 8 kB, ten at once", () =>
  Promise.all(Array.from({ length: 10 }, () => send(setVariables, grpc, legal))),
);

/** Pushes a state of so many MiB that is made of empty objects, or of one text. */
async function push(serial: number, sizeMib: number, piece: string): Promise<string> {
  const rest = piece.repeat((sizeMib * mib) / piece.length);
  const bytes = Buffer.from(
    `{"version":4,"terraform_version":"1.9.0","serial":${serial},"lineage":"l","x":[${rest}{}]}`,
  );
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  async function* parts() {
    yield { part: { case: "header" as const, value: { workspace, sizeBytes: BigInt(bytes.length), sha256 } } };
    for (let at = 0; at < bytes.length; at += mib) {
      yield { part: { case: "chunk" as const, value: bytes.subarray(at, at + mib) } };
    }
  }
  const { stateVersion } = await api.clients.states.uploadState(parts());
  return stateVersion?.id ?? "";
}
for (const size of [16, 100, 250]) {
  await measure(`UploadState: ${size} MiB of {}`, () => push(1, size, "{},").catch(() => {}));
}
let stateVersionId = "";
await measure("UploadState: 100 MiB of text", async () => {
  stateVersionId = await push(2, 100, `"${"x".repeat(1_021)}",`);
});
await measure("GetOutputs and ListStateResources of it, five each at once", () =>
  Promise.all(
    Array.from({ length: 5 }, () => [
      api.clients.states.getOutputs({ stateVersionId }),
      api.clients.states.listStateResources({ stateVersionId, search: randomUUID() }),
    ]).flat(),
  ),
);
const download = framed(toBinary(DownloadStateRequestSchema, create(DownloadStateRequestSchema, { stateVersionId })));
const before = await residentMib("VmRSS");
await measure("DownloadState of it: 80 that nobody reads", async () => {
  for (let n = 0; n < 80; n++) open(StateService.method.downloadState, grpc, download);
  await pause(10_000);
  console.log(`while 80 downloads of 100 MiB are not read: ${before} → ${await residentMib("VmRSS")} MiB`);
});

await bystander.terminate();
const worst = measures.toSorted((a, b) => b.worstMs - a.worstMs);
console.log(`${measures.length} attacks; the bystander's worst wait, and how long the attack took:`);
for (const { what, worstMs: ms, tookMs } of [...worst.slice(0, 15), ...measures.slice(0, 1), ...measures.slice(-7)]) {
  console.log(`  ${ms.toFixed(0).padStart(6)} ms ${tookMs.toFixed(0).padStart(7)} ms  ${what}`);
}
console.log(`memory of the server: ${await residentMib("VmRSS")} MiB, at most ${await residentMib("VmHWM")} MiB`);
