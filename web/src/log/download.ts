import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { useState } from "react";
import { RunPhase } from "../../../src/gen/windlass/v1/run_pb.ts";
import { RunService } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import type { LogPlace } from "./follow-log.ts";

/** Saves the bytes of a log as they are, as far as it is written. */
export function useDownload({ runId, phase }: LogPlace): { readonly start: () => void; readonly isBusy: boolean } {
  const transport = useTransport();
  const [isBusy, setIsBusy] = useState(false);
  const load = async () => {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const client = createClient(RunService, transport);
    for await (const { chunk } of client.streamRunLogs({ runId, phase })) pieces.push(new Uint8Array(chunk));
    save(new Blob(pieces, { type: "application/octet-stream" }), `${runId}-${phase === RunPhase.PLAN ? "plan" : "apply"}.log`);
  };
  const start = () => {
    setIsBusy(true);
    load().finally(() => setIsBusy(false));
  };
  return { start, isBusy };
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
