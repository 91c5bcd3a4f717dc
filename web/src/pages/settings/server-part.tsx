import { useQuery } from "@connectrpc/connect-query";
import type { ReactNode } from "react";
import { AttentionKind, SystemService } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { Facts } from "../../ui/blocks/facts.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { bytesText } from "../../ui/format.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { Replicas } from "./replicas.tsx";

/** What the server is, what it bounds and what it keeps. */
export function ServerPart() {
  const { data, error, refetch } = useQuery(SystemService.method.getServerInfo);
  return (
    <>
      {error !== null && <ErrorNote error={error} what="The server could not be asked" retry={() => void refetch()} />}
      {data !== undefined && (
        <>
          <Facts
            label="The server"
            testId="server-facts"
            facts={[
              { label: "Version", value: data.version },
              {
                label: "Database",
                value:
                  data.database === "sqlite" ? "SQLite" : data.database === "postgres" ? "PostgreSQL" : data.database,
              },
              {
                label: "Address",
                value:
                  data.publicUrl === "" ? (
                    <span className="quiet">not set (--public-url)</span>
                  ) : (
                    <span className="break-all font-mono text-xs">{data.publicUrl}</span>
                  ),
              },
              {
                label: "Server agent",
                value: data.hasServerAgent ? "runs remote workspaces" : "none: workspaces need a pool",
              },
              { label: "Agent protocol", value: `${data.minimumProtocol} to ${data.maximumProtocol}` },
              { label: "Clock", value: <RelativeTime time={data.serverTime} /> },
              {
                label: "History",
                value: <span className="break-all font-mono text-xs">{data.clusterGeneration}</span>,
              },
            ]}
          />
          {data.database === "postgres" && <Replicas />}
          <Certificates />
          <Section title="Limits" lead="By the name of the setting.">
            <Settings
              testId="limits"
              values={Object.entries(data.limits).map(([name, value]) => [name, limitText(name, value)] as const)}
            />
          </Section>
          <Section title="Retention" lead="What is kept how long.">
            <Settings testId="retention" values={Object.entries(data.retention)} />
          </Section>
        </>
      )}
    </>
  );
}

/** Sizes are in bytes; rates and counts stand as they are. */
const limitText = (name: string, value: bigint): string =>
  name.endsWith("-size") ? bytesText(value) : value.toLocaleString("en");

function Settings({
  values,
  testId,
}: {
  readonly values: readonly (readonly [string, ReactNode])[];
  readonly testId: string;
}) {
  return (
    <dl className="panel grid gap-x-8 px-4 py-2 text-sm sm:grid-cols-2" data-testid={testId}>
      {values
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => (
          <div key={name} className="flex justify-between gap-4 py-1">
            <dt className="min-w-0 break-all font-mono text-xs leading-5">{name}</dt>
            <dd className="shrink-0">{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** Site admins are told of certificates that end soon. */
function Certificates() {
  const { data } = useQuery(SystemService.method.getAttention, {});
  const ending = data?.attention.find(({ kind }) => kind === AttentionKind.CERTIFICATE_ENDS)?.items ?? [];
  if (ending.length === 0) return null;
  return (
    <ul className="space-y-1 rounded-box border border-warning/40 bg-warning/5 px-4 py-3 text-sm">
      {ending.map(({ name, detail, time }) => (
        <li key={`${name} ${detail}`}>
          {detail || name} (<RelativeTime time={time} />)
        </li>
      ))}
    </ul>
  );
}
