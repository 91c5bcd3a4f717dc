import { useQuery } from "@connectrpc/connect-query";
import { Link, useParams } from "wouter";
import { type Agent, AgentStatus } from "../../../../src/gen/windlass/v1/agent_pb.ts";
import { AgentService } from "../../../../src/gen/windlass/v1/agent_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag, usePath } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { Facts } from "../../ui/blocks/facts.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { bytesText, shortId } from "../../ui/format.ts";
import { AlertIcon } from "../../ui/icons.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { AgentStatusBadge, isConnected } from "../../words/agent-status.tsx";
import { AgentVersion } from "../../words/agent-version.tsx";
import { engineText } from "../../words/execution.ts";
import { Labels } from "../../words/labels.tsx";
import { AgentActions } from "./agent-actions.tsx";
import { AgentEvents } from "./agent-events.tsx";
import { AgentJobs } from "./agent-jobs.tsx";
import { KeptDirectories } from "./kept-directories.tsx";

const pollMs = 15_000;

export function AgentPage() {
  const { id } = useParams<{ readonly id: string }>();
  const organization = useOrganization();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const { data, error, refetch } = useQuery(
    AgentService.method.getAgent,
    { organization, agent: id },
    { refetchInterval: pollMs },
  );
  const agent = data?.agent;
  const pool =
    agent === undefined || agent.serverAgent ? [] : [{ label: agent.agentPool, href: path("pools", agent.agentPool) }];
  return (
    <Page
      title={agent?.name || shortId(id)}
      crumbs={[{ label: "Agents", href: path("agents") }, ...pool]}
      lead={agent !== undefined && <AgentStatusBadge agent={agent} />}
      actions={agent !== undefined && <AgentActions agent={agent} />}
      cli={`windlass agent get ${shellWord(agent?.name ?? id)}${orgFlag}`}
    >
      {error !== null && <ErrorNote error={error} what="The agent could not be read" retry={() => void refetch()} />}
      {agent !== undefined && (
        <>
          <Notes agent={agent} />
          <AgentFacts agent={agent} />
          <KeptDirectories agent={agent} />
          <AgentJobs agent={agent} />
          <AgentEvents agent={agent} />
        </>
      )}
    </Page>
  );
}

/** What somebody should know of it before anything else. */
function Notes({ agent }: { readonly agent: Agent }) {
  const { reason, paused, draining, warning, refusal, doing, status } = agent;
  const asked = draining ? (status === AgentStatus.EXITED ? "Drained" : "Draining") : paused ? "Paused" : "";
  const notes = [
    asked === "" ? "" : `${asked}: ${reason === "" ? "no reason was given." : `“${reason}”`}`,
    warning,
    refusal === "" ? "" : `It takes no jobs: ${refusal}`,
  ].filter((note) => note !== "");
  return (
    <>
      {notes.map((note) => (
        <p
          key={note}
          className="flex gap-2.5 rounded-box border border-warning/40 bg-warning/5 px-4 py-2.5"
          data-testid="agent-note"
        >
          <span className="mt-0.5 text-warning">
            <AlertIcon />
          </span>
          <span className="min-w-0 break-words">{note}</span>
        </p>
      ))}
      {doing.map((text) => (
        <p key={text} className="quiet text-sm">
          {text}
        </p>
      ))}
    </>
  );
}

const unknown = <span className="quiet">not known</span>;

function AgentFacts({ agent }: { readonly agent: Agent }) {
  const path = usePath();
  const runs = [...new Set(agent.runIds)];
  const facts = [
    {
      label: "Current jobs",
      value: (
        <span className="flex flex-wrap gap-x-2">
          {agent.jobIds.length} of {agent.concurrency}
          {runs.map((id) => (
            <Link
              key={id}
              href={path("runs", id)}
              className="font-mono text-xs leading-5 underline-offset-2 hover:underline"
            >
              {shortId(id)}
            </Link>
          ))}
        </span>
      ),
    },
    { label: "Last seen", value: <RelativeTime time={agent.lastSeenTime} /> },
    { label: "Version", value: <AgentVersion agent={agent} /> },
    { label: "Registered", value: <RelativeTime time={agent.createTime} /> },
    {
      label: "Address",
      value: agent.address === "" ? unknown : <span className="font-mono text-xs">{agent.address}</span>,
    },
    { label: "System", value: `${agent.os} ${agent.arch}` },
    {
      label: "Sandbox",
      value:
        agent.sandbox === "none" ? (
          <span className="text-warning">none: jobs are not kept apart</span>
        ) : (
          agent.sandbox || unknown
        ),
    },
    { label: "Free disk", value: agent.freeDiskBytes === 0n ? unknown : bytesText(agent.freeDiskBytes) },
    { label: "Engines", value: <Engines agent={agent} /> },
    { label: "Labels", value: <Labels labels={agent.labels} wraps /> },
    {
      label: "Connected to",
      value: isConnected(agent) ? agent.connectedTo || unknown : <span className="quiet">not connected</span>,
    },
    {
      label: "Token",
      value:
        agent.agentTokenId === "" ? (
          <span className="quiet">none: the server agent</span>
        ) : (
          <span className="font-mono text-xs">{agent.agentTokenId}</span>
        ),
    },
  ];
  return <Facts label="The agent" facts={facts} testId="agent-facts" />;
}

function Engines({ agent: { engines } }: { readonly agent: Agent }) {
  if (engines === undefined) return unknown;
  const { programs, downloads } = engines;
  if (programs.length + downloads.length === 0)
    return <span className="text-warning">none, and it may download none</span>;
  return (
    <>
      {programs.map(({ engine, version }) => (
        <span key={`${engine} ${version}`} className="block">
          {engineText(engine)} <span className="font-mono text-xs">{version}</span>
        </span>
      ))}
      {downloads.map(({ engine, source }) => (
        <span key={`${engine} ${source}`} className="quiet block break-all text-xs">
          {engineText(engine)} from {source}
        </span>
      ))}
    </>
  );
}
