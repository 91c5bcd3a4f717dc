import { useQuery } from "@connectrpc/connect-query";
import type { Agent } from "../../../src/gen/windlass/v1/agent_pb.ts";
import { SystemService } from "../../../src/gen/windlass/v1/system_service_pb.ts";

/** The version of an agent; one that differs from the server's says which that is. */
export function AgentVersion({ agent }: { readonly agent: Pick<Agent, "version"> }) {
  const { data } = useQuery(SystemService.method.getServerInfo, {}, { staleTime: 300_000 });
  if (data === undefined || agent.version === data.version || agent.version === "")
    return <span className="font-mono text-xs">{agent.version || "–"}</span>;
  return (
    <span className="inline-flex items-center gap-1.5 font-mono text-xs" title={`The server has ${data.version}`}>
      {agent.version}
      <span className="font-medium font-sans text-warning">server {data.version}</span>
    </span>
  );
}
