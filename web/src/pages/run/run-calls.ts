import { createClient } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { useQueryClient } from "@tanstack/react-query";
import { RunService } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { refresh } from "../../data/event-caches.ts";

const shown: ReadonlySet<string> = new Set(["GetRun", "ListRuns", "ListRunEvents"]);

/** What can be done with a run. Each call shows its outcome at once, before the stream of events tells it. */
export function useRunCalls() {
  const transport = useTransport();
  const queries = useQueryClient();
  const client = createClient(RunService, transport);
  async function then<Answer>(call: Promise<Answer>): Promise<Answer> {
    try {
      return await call;
    } finally {
      await refresh(queries, shown);
    }
  }
  return {
    confirm: (runId: string, planSha256: string, comment: string) =>
      then(client.confirmRun({ runId, planSha256, comment })),
    discard: (runId: string, comment: string) => then(client.discardRun({ runId, comment })),
    cancel: (runId: string, force: boolean, comment: string) => then(client.cancelRun({ runId, force, comment })),
    retry: (runId: string, message: string) =>
      then(client.retryRun({ runId, message, requestId: crypto.randomUUID() })),
    resolve: (request: Parameters<typeof client.resolveRun>[0]) => then(client.resolveRun(request)),
    forceExecute: (runId: string, comment: string) => then(client.forceExecuteRun({ runId, comment })),
    comment: (runId: string, comment: string) => then(client.commentRun({ runId, comment })),
  };
}
