import { toBinary } from "@bufbuild/protobuf";
import type { UploadStateResponse } from "../../gen/windlass/agent/v1/job_artifact_service_pb.ts";
import { PlanDocumentsSchema } from "../../gen/windlass/agent/v1/plan_pb.ts";
import type { Clock } from "../../lib/clock.ts";
import { sendParts } from "../../lib/transfer/send-parts.ts";
import { TransferMeter } from "../../lib/transfer/transfer-meter.ts";
import { TransferPace } from "../../lib/transfer/transfer-pace.ts";
import { isUnknownMethod, ownReason } from "../../lib/way/own-answer.ts";
import { readAt } from "../disk/durable-files.ts";
import {
  type JobArtifacts,
  openOwnFile,
  type PlanToUpload,
  type StateToUpload,
  type SummaryToUpload,
  sha256Of,
} from "./artifacts.ts";

/** What is smaller goes in one call: no proxy bounds that. */
const oneCallBytes = 256 * 1024;
/** Parts are sized so that each takes about a second; the protocol bounds them on both sides. */
const limits = { minBytes: 32 * 1024, maxBytes: 512 * 1024, maxLanes: 4 };
/** Of how many objects is remembered that all of their parts have come. */
const mostBrought = 100;

/** Whose upload it is, and who hears how far it is. */
export interface Uploader {
  readonly artifacts: JobArtifacts;
  readonly noteDelivering: (doing: string) => void;
}

interface ObjectToSend {
  readonly what: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly read: (offset: number, bytes: number) => Promise<Uint8Array>;
}

/**
 * Brings plans and states to the control plane: in parts if they are large, so that every call is small and goes on
 * where an earlier one stopped. An older server gets them in one call.
 */
export class PartUploads {
  readonly #clock: Clock;
  readonly #pace: TransferPace;
  /** Objects all of whose parts have come: only the call that uses them is missing, or its answer was. */
  readonly #brought = new Set<string>();
  /** The server knows no parts. */
  #isOld = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#pace = new TransferPace(clock, limits);
  }

  async plan(by: Uploader, planFile: string, plan: PlanToUpload, signal: AbortSignal): Promise<void> {
    await using files = new AsyncDisposableStack();
    const planned = files.use(await openOwnFile(planFile));
    const shown = shownOf(plan);
    const sizeBytes = (await planned.stat()).size;
    const objects: ObjectToSend[] = [
      { what: "the plan", sha256: plan.sha256, sizeBytes, read: (at, bytes) => readAt(planned, at, bytes) },
    ];
    objects.push(...objectsOf(shown));
    if (plan.files !== undefined) {
      const made = files.use(await openOwnFile(plan.files.file));
      const { sha256, bytes: size } = plan.files;
      objects.push({
        what: "what the plan made",
        sha256,
        sizeBytes: size,
        read: (at, bytes) => readAt(made, at, bytes),
      });
    }
    await this.#deliver(by, objects, signal, (inParts) =>
      by.artifacts.uploadPlan(planFile, plan, inParts ? { kind: "parts", ...shown } : { kind: "one_call" }, signal),
    );
  }

  /** The summary of a plan that was delivered without it. */
  async summary(by: Uploader, late: SummaryToUpload, signal: AbortSignal): Promise<void> {
    const shown = shownOf(late);
    await this.#deliver(by, objectsOf(shown), signal, (inParts) =>
      by.artifacts.uploadSummary(late, inParts ? { kind: "parts", ...shown } : { kind: "one_call" }, signal),
    );
  }

  /** The answer says whether the state was kept aside. */
  async state(by: Uploader, state: StateToUpload, signal: AbortSignal): Promise<UploadStateResponse> {
    const object = inMemory("the state", state.bytes);
    return this.#deliver(by, [object], signal, (inParts) => by.artifacts.uploadState(state, { inParts }, signal));
  }

  async #deliver<T>(
    by: Uploader,
    objects: readonly ObjectToSend[],
    signal: AbortSignal,
    use: (inParts: boolean) => Promise<T>,
  ): Promise<T> {
    const total = objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (this.#isOld || total <= oneCallBytes) return use(false);
    try {
      const isBrought = await this.#bring(by, objects, signal);
      if (!isBrought) return await use(false);
      const result = await use(true);
      for (const { sha256 } of objects) this.#brought.delete(sha256);
      return result;
    } catch (error) {
      // It may have forgotten what had come.
      if (isUnavailableStorage(error)) for (const { sha256 } of objects) this.#brought.delete(sha256);
      throw error;
    } finally {
      by.noteDelivering("");
    }
  }

  /** False if the server is too old to take parts. */
  async #bring(by: Uploader, objects: readonly ObjectToSend[], signal: AbortSignal): Promise<boolean> {
    try {
      for (const object of objects) await this.#send(by, object, signal);
      return true;
    } catch (error) {
      if (!isUnknownMethod(error)) throw error;
      this.#isOld = true;
      return false;
    }
  }

  async #send({ artifacts, noteDelivering }: Uploader, object: ObjectToSend, signal: AbortSignal): Promise<void> {
    const { what, sha256, sizeBytes, read } = object;
    if (sizeBytes === 0 || this.#brought.has(sha256)) return;
    const meter = new TransferMeter(this.#clock);
    const onSent = (bytes: number) => {
      const text = meter.text(bytes, sizeBytes);
      if (text !== "") noteDelivering(`delivers ${what} (${text})`);
    };
    const put = (offset: number, chunk: Uint8Array) =>
      artifacts.uploadPart({ sha256, sizeBytes, offset }, chunk, signal);
    await sendParts({ pace: this.#pace, sizeBytes, read, put, onSent }, signal);
    this.#brought.add(sha256);
    const [oldest] = this.#brought;
    if (this.#brought.size > mostBrought && oldest !== undefined) this.#brought.delete(oldest);
  }
}

/** What people see of a plan, encoded; either may be empty. */
interface ShownPlan {
  readonly summary: Uint8Array;
  readonly documents: Uint8Array;
}

const shownOf = ({ summary, documents }: Pick<PlanToUpload, "summary" | "documents">): ShownPlan => ({
  summary: delimited(summary),
  documents: documents === undefined ? new Uint8Array() : toBinary(PlanDocumentsSchema, documents),
});

const objectsOf = ({ summary, documents }: ShownPlan): readonly ObjectToSend[] => [
  ...(summary.length > 0 ? [inMemory("the summary of the plan", summary)] : []),
  ...(documents.length > 0 ? [inMemory("the documents of the plan", documents)] : []),
];

const inMemory = (what: string, bytes: Uint8Array): ObjectToSend => ({
  ...{ what, sha256: sha256Of(bytes), sizeBytes: bytes.length },
  read: async (at, length) => bytes.subarray(at, at + length),
});

/** The server cannot use what has come: some of it is missing there, or was given up. */
const isUnavailableStorage = (error: unknown): boolean => ownReason(error) === "STORAGE_UNAVAILABLE";

/** Messages with their lengths before them, as protobuf delimits them. */
function delimited(messages: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(messages.flatMap((message) => [varint(message.length), message]));
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, left]);
}
