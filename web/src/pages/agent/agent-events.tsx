import { useQuery } from "@connectrpc/connect-query";
import { type Agent, type AgentEvent, AgentEventKind } from "../../../../src/gen/windlass/v1/agent_pb.ts";
import { AgentService } from "../../../../src/gen/windlass/v1/agent_service_pb.ts";
import { Section } from "../../ui/blocks/section.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { StatusBadge } from "../../ui/status-badge.tsx";

/** How an agent came and went since the server was started. */
export function AgentEvents({ agent }: { readonly agent: Agent }) {
  const { data, error, refetch } = useQuery(AgentService.method.listAgentEvents, { agent: agent.id });
  return (
    <Section
      title="Connections"
      lead="As the server that answers here has seen them since it was started; with several servers each has its own."
    >
      {error !== null && (
        <ErrorNote error={error} what="Its connections could not be read" retry={() => void refetch()} />
      )}
      {data !== undefined && (
        <ol className="panel divide-y divide-base-300 text-sm" data-testid="agent-events">
          {data.events.map((event, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: events have no ids, and the list is only replaced
            <EventRow key={index} event={event} />
          ))}
          {data.events.length === 0 && <li className="quiet px-4 py-3">None is known.</li>}
        </ol>
      )}
    </Section>
  );
}

function EventRow({ event: { time, kind, address, version, detail, connectedTo } }: { readonly event: AgentEvent }) {
  const hasCome = kind === AgentEventKind.CONNECTED;
  return (
    <li className="flex flex-wrap items-baseline gap-x-4 gap-y-1 px-4 py-2">
      <span className="w-28 shrink-0">
        <StatusBadge tone={hasCome ? "good" : "quiet"} text={hasCome ? "Connected" : "Disconnected"} />
      </span>
      <span className="min-w-0 grow break-words">
        {detail || (hasCome && connectedTo !== "" ? `to ${connectedTo}` : "")}
      </span>
      <span className="quiet font-mono text-xs">{[address, version].filter((part) => part !== "").join(" · ")}</span>
      <span className="quiet">
        <RelativeTime time={time} />
      </span>
    </li>
  );
}
