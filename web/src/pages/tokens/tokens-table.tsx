import type { ReactNode } from "react";
import type { AgentToken, IdentityTrust } from "../../../../src/gen/windlass/v1/agent_token_pb.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { callerName } from "../../words/caller.ts";
import { PrefixLine, StandingBadge } from "../../words/rotation.tsx";
import { TokenActions } from "./token-actions.tsx";

const columnsOf = (rows: readonly AgentToken[]): readonly Column<AgentToken>[] => [
  { header: "Token", cell: (token) => <TokenName token={token} rows={rows} /> },
  { header: "State", cell: (token) => <StandingBadge one={token} rows={rows} /> },
  { header: "Last used", cell: (token) => <LastUse token={token} /> },
  { header: "Agents", wideOnly: true, grows: true, cell: ({ agents }) => <AgentNames agents={agents} /> },
  { header: "Ends", wideOnly: true, cell: ({ expireTime }) => <RelativeTime time={expireTime} /> },
  { header: "Created", wideOnly: true, cell: (token) => <Created token={token} /> },
  { header: "Actions", align: "right", cell: (token) => <TokenActions token={token} /> },
];

/** The tokens of a pool. */
export function TokensTable({ tokens, empty }: { readonly tokens: readonly AgentToken[]; readonly empty: ReactNode }) {
  return (
    <DataTable
      label="Tokens"
      columns={columnsOf(tokens)}
      rows={tokens}
      rowKey={({ id }) => id}
      empty={empty}
      testId="tokens"
    />
  );
}

interface TokenNameProps {
  readonly token: AgentToken;
  readonly rows: readonly AgentToken[];
}

const TokenName = ({ token, rows }: TokenNameProps) => (
  <span title={token.id}>
    <span className="block max-w-48 truncate font-medium" title={token.description}>
      {token.description || <span className="quiet">no description</span>}
    </span>
    {token.trust === undefined ? <PrefixLine one={token} rows={rows} /> : <TrustLine trust={token.trust} />}
  </span>
);

/** Whose identities it admits, instead of a secret. */
const TrustLine = ({ trust: { issuer, subjects, audience, claims, jwks } }: { readonly trust: IdentityTrust }) => {
  const more = [
    `audience ${audience}`,
    ...Object.entries(claims).map(([name, value]) => `${name} = ${value}`),
    jwks === "" ? "keys of the issuer" : "keys were given",
  ];
  return (
    <span className="quiet block max-w-64 text-xs" title={more.join("\n")} data-testid="trust-line">
      <span className="block truncate">trusts {issuer}</span>
      <span className="block truncate font-mono">{subjects.join(", ")}</span>
    </span>
  );
};

const LastUse = ({ token: { lastUseTime, lastUseAddress } }: { readonly token: AgentToken }) => (
  <span>
    <RelativeTime time={lastUseTime} />
    {lastUseAddress !== "" && <span className="quiet block font-mono text-xs">{lastUseAddress}</span>}
  </span>
);

const AgentNames = ({ agents }: { readonly agents: readonly string[] }) =>
  agents.length === 0 ? (
    <span className="quiet">none</span>
  ) : (
    <span title={agents.join(", ")}>{agents.join(", ")}</span>
  );

const Created = ({ token: { createTime, createdBy } }: { readonly token: AgentToken }) => (
  <span>
    <RelativeTime time={createTime} />
    <span className="quiet block text-xs">{callerName(createdBy)}</span>
  </span>
);
