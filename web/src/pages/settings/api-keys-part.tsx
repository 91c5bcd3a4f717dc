import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import type { ApiKey } from "../../../../src/gen/windlass/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../../src/gen/windlass/v1/api_key_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { useLack } from "../../app/permission.ts";
import { ActionButton } from "../../ui/action-button.tsx";
import { Section } from "../../ui/blocks/section.tsx";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { callerName } from "../../words/caller.ts";
import { roleText, roleWords } from "../../words/roles.ts";
import { PrefixLine, StandingBadge } from "../../words/rotation.tsx";
import { ApiKeyActions } from "./api-key-actions.tsx";
import { BrowserSessions } from "./browser-sessions.tsx";
import { CreateApiKeyDialog } from "./create-api-key-dialog.tsx";

const columnsOf = (rows: readonly ApiKey[]): readonly Column<ApiKey>[] => [
  { header: "Key", cell: (key) => <KeyName apiKey={key} rows={rows} /> },
  { header: "Role", cell: ({ role }) => <span title={roleWords(role).about}>{roleText(role)}</span> },
  { header: "State", cell: (key) => <StandingBadge one={key} rows={rows} /> },
  { header: "Last used", grows: true, wideOnly: true, cell: (key) => <LastUse apiKey={key} /> },
  { header: "Ends", wideOnly: true, cell: ({ expireTime }) => <RelativeTime time={expireTime} /> },
  { header: "Created", wideOnly: true, cell: (key) => <Created apiKey={key} /> },
  { header: "Actions", align: "right", cell: (key) => <ApiKeyActions apiKey={key} /> },
];

/** API keys of people and of CI, and the browsers that are signed in with the caller's. */
export function ApiKeysPart() {
  const lack = useLack(Permission.OWN);
  return (
    <>
      {lack === undefined ? (
        <Keys />
      ) : (
        <p className="panel px-4 py-3 text-sm">You do not see the keys of others. {lack}.</p>
      )}
      <BrowserSessions />
    </>
  );
}

function Keys() {
  const organization = useOrganization();
  const orgFlag = useOrgFlag();
  const [isCreating, setIsCreating] = useState(false);
  const [ended, setEnded] = useUrlState("ended");
  const [page, setPage] = useUrlState("page");
  const { data, error, refetch } = useQuery(
    ApiKeyService.method.listApiKeys,
    { organization, pageToken: page, pageSize: 200 },
    { placeholderData: keepPreviousData },
  );
  const keys = (data?.apiKeys ?? []).filter(({ active }) => active || ended !== "");
  const create = (
    <ActionButton onClick={() => setIsCreating(true)} testId="create-key" tone="primary">
      Create key
    </ActionButton>
  );
  return (
    <Section
      title="API keys"
      lead="A key stands for a person or a program. Its secret is shown once, when it is made."
      actions={
        <>
          <ActionButton
            onClick={() => setEnded(ended === "" ? "1" : "")}
            testId="ended-keys"
            tone="quiet"
            isPressed={ended !== ""}
          >
            Show ended
          </ActionButton>
          {create}
        </>
      }
    >
      {error !== null && <ErrorNote error={error} what="The keys could not be read" retry={() => void refetch()} />}
      {data !== undefined && (
        <DataTable
          label="API keys"
          columns={columnsOf(keys)}
          rows={keys}
          rowKey={({ id }) => id}
          testId="keys"
          empty={
            <EmptyState
              title="No key of this organization"
              action={create}
              cli={`windlass apikey create --name ana --role operator${orgFlag}`}
            >
              Make one for each person and each program, with the least role that does.
            </EmptyState>
          }
        />
      )}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
      {isCreating && <CreateApiKeyDialog onClose={() => setIsCreating(false)} />}
    </Section>
  );
}

interface KeyProps {
  readonly apiKey: ApiKey;
}

const KeyName = ({ apiKey, rows }: KeyProps & { readonly rows: readonly ApiKey[] }) => (
  <span title={apiKey.id}>
    <span className="block max-w-48 truncate font-medium">{apiKey.name}</span>
    <PrefixLine one={apiKey} rows={rows} />
  </span>
);

const LastUse = ({ apiKey: { lastUseTime, lastUseAddress } }: KeyProps) => (
  <span>
    <RelativeTime time={lastUseTime} /> <span className="quiet font-mono text-xs">{lastUseAddress}</span>
  </span>
);

const Created = ({ apiKey: { createTime, createdBy } }: KeyProps) => (
  <span>
    <RelativeTime time={createTime} />
    <span className="quiet block text-xs">{callerName(createdBy)}</span>
  </span>
);
