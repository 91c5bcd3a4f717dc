import { maxDetailedSummaryBytes, maxSummaryBytes } from "../../control/documents/limits.ts";
import { unshownSummary } from "../../control/documents/plan-summary.ts";
import type { PlanSummary } from "../../gen/windlass/agent/v1/plan_pb.ts";
import { fromPlanPart } from "../mapping/plan-part.ts";
import type { UploadIntake } from "./intake.ts";
import type { Announced } from "./receiver.ts";

/** Most summaries need no more. */
const stepBytes = 256 * 1024;
/** What closes the list of parts. */
const tail = Buffer.from("]}");

/**
 * Collects the parts of a plan's summary in the form in which it is kept. A plan is no worse for a summary that is too
 * large: what is kept says why it is not shown.
 */
export class SummaryIntake {
  readonly #intake: UploadIntake;
  readonly #head: Buffer;
  #parts = 0;
  #isTooLarge = false;

  constructor(intakeOf: (part: Announced) => UploadIntake, engineVersion: string) {
    const size = { announced: BigInt(maxSummaryBytes), maxBytes: maxSummaryBytes, stepBytes };
    this.#intake = intakeOf({ what: "plan summary", ...size });
    this.#head = Buffer.from(`{"terraformVersion":${JSON.stringify(engineVersion)},"parts":[`);
  }

  async take(part: PlanSummary): Promise<void> {
    const hasRoomForAttributes = maxSummaryBytes - this.#intake.room < maxDetailedSummaryBytes;
    const text = Buffer.from(JSON.stringify(fromPlanPart(part, hasRoomForAttributes)));
    const lead = this.#parts === 0 ? this.#head : Buffer.from(",");
    this.#parts += 1;
    this.#isTooLarge ||= lead.length + text.length + tail.length > this.#intake.room;
    if (this.#isTooLarge) return;
    await this.#intake.take(lead);
    await this.#intake.take(text);
  }

  async whole(): Promise<Uint8Array> {
    if (this.#parts === 0) return unshownSummary("its agent uploaded none");
    if (this.#isTooLarge) return unshownSummary(`more than ${maxSummaryBytes} bytes of it came`);
    await this.#intake.take(tail);
    return this.#intake.soFar();
  }
}
