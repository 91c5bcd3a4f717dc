import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ownRefusal } from "../../../test/support/agent/own-refusal.ts";
import { ManualClock } from "../../../test/support/manual-clock.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { JobArtifactService } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { JobEngine } from "../../gen/windlass/agent/v1/job_pb.ts";
import { PlanDocumentsSchema, PlanSummarySchema } from "../../gen/windlass/agent/v1/plan_pb.ts";
import { JobArtifacts, type StateToUpload } from "./artifacts.ts";
import { PartUploads } from "./part-uploads.ts";

const never = new AbortController().signal;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A control plane that takes parts, unless it is old, and remembers what each call held. */
class Receiver {
  readonly objects = new Map<string, Buffer>();
  readonly calls: string[] = [];
  /** Fail the next calls that use what has come. */
  readonly failures: ConnectError[] = [];
  isOld = false;
  /** A proxy knows no such path. */
  isHidden = false;
  maxBody = 0;

  readonly artifacts = new JobArtifacts(
    createRouterTransport((router) => {
      router.service(JobArtifactService, {
        uploadPart: ({ sha256: name, sizeBytes, offset, chunk }) => {
          if (this.isOld) throw ownRefusal("unknown", Code.Unimplemented);
          if (this.isHidden) throw new ConnectError("Received HTTP status code 404", Code.Unimplemented);
          this.maxBody = Math.max(this.maxBody, chunk.length);
          this.calls.push(chunk.length === 0 ? "ask" : "part");
          const has = this.objects.get(name) ?? Buffer.alloc(0);
          const now = Number(offset) === has.length ? Buffer.concat([has, chunk]) : has;
          this.objects.set(name, now);
          if (now.length > Number(sizeBytes)) throw new Error("too much came");
          return { nextOffset: BigInt(now.length) };
        },
        uploadPlan: async (parts) => {
          const seen: string[] = [];
          for await (const { part } of parts) seen.push(part.case ?? "");
          return this.#used(seen, {});
        },
        uploadState: async (parts) => {
          const seen: string[] = [];
          for await (const { part } of parts) seen.push(part.case ?? "");
          return this.#used(seen, { stateVersionId: "sv_1" });
        },
      });
    }),
    "wdl_job_test",
  );

  #used<T>(seen: readonly string[], answer: T): T {
    this.calls.push([...new Set(seen)].join("+"));
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    return answer;
  }
}

let dir: string;
let receiver: Receiver;
let uploads: PartUploads;
let said: string[];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windlass-uploads-"));
  receiver = new Receiver();
  uploads = new PartUploads(new ManualClock());
  said = [];
});
afterEach(() => rm(dir, { recursive: true }));

const by = () => ({ artifacts: receiver.artifacts, noteDelivering: (doing: string) => void said.push(doing) });
const stateOf = (bytes: Uint8Array): StateToUpload => ({
  ...{ bytes, lineage: "l", serial: 1, sequence: 1 },
  ...{ isFinal: true, asideReason: "" },
});
const large = randomBytes(900_000);
const upload = () => uploads.state(by(), stateOf(large), never);
const times = (what: string) => receiver.calls.filter((call) => call === what).length;

test("a small state goes in one call, a large one in parts and then its header alone", async () => {
  await uploads.state(by(), stateOf(large.subarray(0, 1_000)), never);
  expect(receiver.calls).toEqual(["header+chunk"]);
  receiver.calls.length = 0;
  await upload();
  expect(receiver.calls.at(-1)).toBe("header");
  expect(receiver.maxBody).toBeLessThanOrEqual(512 * 1024);
  expect(Buffer.compare(receiver.objects.get(sha256(large)) ?? Buffer.alloc(0), large)).toBe(0);
  expect(said.at(-1)).toBe("");
});

test("an older server gets everything in one call, and is not asked again", async () => {
  receiver.isOld = true;
  await upload();
  await upload();
  expect(receiver.calls).toEqual(["header+chunk", "header+chunk"]);
});

test("a proxy that answers 404 for a while makes no older server: parts are tried again", async () => {
  receiver.isHidden = true;
  await expect(upload()).rejects.toThrow("404");
  receiver.isHidden = false;
  await upload();
  expect(receiver.calls.at(-1)).toBe("header");
});

test("when the answer was lost only the last call is made again", async () => {
  receiver.failures.push(new ConnectError("lost", Code.Unavailable));
  await expect(upload()).rejects.toThrow("lost");
  const parts = times("part");
  await upload();
  expect(times("part")).toBe(parts);
  expect(times("ask")).toBe(1);
});

test("when the server has lost what had come it comes again", async () => {
  const detail = { desc: ErrorInfoSchema, value: { reason: "STORAGE_UNAVAILABLE", domain: "windlass" } };
  receiver.failures.push(new ConnectError("some are missing", Code.Unavailable, undefined, [detail]));
  await expect(upload()).rejects.toThrow("missing");
  receiver.objects.clear();
  const parts = times("part");
  await upload();
  expect(times("part")).toBeGreaterThan(parts);
});

test("a plan goes in parts with its summary, each message with its length before it, its documents, and what it made", async () => {
  const planFile = join(dir, "plan");
  const archive = join(dir, "files");
  await writeFile(planFile, large);
  await writeFile(archive, large.subarray(1));
  const message = toBinary(
    PlanSummarySchema,
    create(PlanSummarySchema, { resourceChanges: [{ address: "a".repeat(300) }] }),
  );
  const plan = {
    ...{ sha256: sha256(large), summary: [message, message], engine: JobEngine.TERRAFORM, engineVersion: "1.11.4" },
    files: { file: archive, bytes: large.length - 1, sha256: sha256(large.subarray(1)) },
    lockFile: new Uint8Array(),
    documents: create(PlanDocumentsSchema, { planJson: Buffer.from("json") }),
    summaryFollows: false,
  };
  await uploads.plan(by(), planFile, plan, never);
  expect(receiver.calls.at(-1)).toBe("header");
  const length = Buffer.of((message.length & 0x7f) | 0x80, message.length >> 7);
  const summary = Buffer.concat([length, message, length, message]);
  expect([...receiver.objects.keys()].sort()).toEqual(
    [
      ...[sha256(large), sha256(large.subarray(1)), sha256(summary)],
      sha256(toBinary(PlanDocumentsSchema, plan.documents)),
    ].sort(),
  );
});
