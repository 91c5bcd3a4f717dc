import { RunPhase } from "../../../src/gen/windlass/v1/run_pb.ts";
import type { LogPlace } from "./follow-log.ts";

/** Where the bytes of a log are, as they are. */
export const downloadOf = ({ runId, phase }: Pick<LogPlace, "runId" | "phase">): string =>
  `/download/runs/${encodeURIComponent(runId)}/${phase === RunPhase.PLAN ? "plan" : "apply"}.log`;
