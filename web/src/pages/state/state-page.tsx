import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { useParams } from "wouter";
import { StateStatus, type StateVersion } from "../../../../src/gen/windlass/v1/state_pb.ts";
import { StateService } from "../../../../src/gen/windlass/v1/state_service_pb.ts";
import { Permission } from "../../../../src/gen/windlass/v1/system_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { useLack } from "../../app/permission.ts";
import { problemOf } from "../../data/problem.ts";
import { Facts } from "../../ui/blocks/facts.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { bytesText, shortId } from "../../ui/format.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { StateStatusBadge } from "../../words/state-status.tsx";
import { Outputs } from "./outputs.tsx";
import { Resources } from "./resources.tsx";
import { StateActions } from "./state-actions.tsx";
import { StateDifferenceSection } from "./state-difference.tsx";
import { Origin } from "./state-tab.tsx";

export function StatePage() {
  const { name, version: id } = useParams<{ readonly name: string; readonly version: string }>();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const { data, error, refetch } = useQuery(StateService.method.getStateVersion, { stateVersionId: id });
  const version = data?.stateVersion;
  const isGone = error !== null && problemOf(error).reason === "NOT_FOUND";
  const crumbs = [
    { label: "Workspaces", href: path("ws") },
    { label: name, href: path("ws", name) },
    { label: "State", href: path("ws", name, "state") },
  ];
  return (
    <Page
      title={version === undefined ? shortId(id) : `State ${version.serial}`}
      tabTitle={version === undefined ? undefined : `State ${version.serial} of ${name}`}
      crumbs={crumbs}
      lead={version !== undefined && <StateStatusBadge version={version} />}
      actions={version !== undefined && <Actions version={version} isGone={isGone} />}
      cli={`windlass state get ${shellWord(id)}${orgFlag}`}
    >
      {error !== null && <ErrorNote error={error} what="The state could not be read" retry={() => void refetch()} />}
      {version !== undefined && <StateContent version={version} previousId={data?.previousStateVersionId ?? ""} />}
    </Page>
  );
}

/** The file itself holds secrets in clear: it is only to be had as a file, and leaves an audit record. */
function Actions({ version, isGone }: { readonly version: StateVersion; readonly isGone: boolean }) {
  const lack = useLack(Permission.PLAN);
  return (
    <>
      {lack === undefined ? (
        <a
          href={`/download/states/${encodeURIComponent(version.id)}`}
          download
          className="btn btn-sm border-base-content/20 bg-base-100"
          data-testid="download-state"
        >
          Download
        </a>
      ) : (
        <span className="quiet self-center text-sm">Download: {lack}</span>
      )}
      <StateActions version={version} isGone={isGone} />
    </>
  );
}

function StateContent({ version, previousId }: { readonly version: StateVersion; readonly previousId: string }) {
  const facts = [
    { label: "From", value: <Origin version={version} /> },
    { label: "Stored", value: <RelativeTime time={version.createTime} /> },
    { label: "Written by", value: version.terraformVersion },
    { label: "Size", value: bytesText(version.sizeBytes) },
    { label: "Lineage", value: <span className="break-all font-mono text-xs">{version.lineage}</span> },
    { label: "SHA-256", value: <span className="break-all font-mono text-xs">{version.sha256}</span> },
  ];
  const isAside = version.status === StateStatus.QUARANTINED;
  return (
    <>
      {isAside && (
        <p className="rounded-box border border-error/40 bg-error/5 px-4 py-3">
          <span className="font-medium">Kept aside:</span> {version.quarantineReason} Adopt it if it is what the world
          looks like; drop it if not.
        </p>
      )}
      <Facts label="The state" facts={facts} testId="state-facts" />
      {version.unreadReason === "" ? (
        <>
          <Difference version={version} previousId={previousId} />
          <Outputs stateVersionId={version.id} />
          <Resources stateVersionId={version.id} />
        </>
      ) : (
        <p className="panel px-4 py-3">What is in it is not shown: {version.unreadReason}</p>
      )}
    </>
  );
}

/** An earlier or current state is compared with the one before it, one that is kept aside with the current one. */
function Difference({ version, previousId }: { readonly version: StateVersion; readonly previousId: string }) {
  const isAside = version.status === StateStatus.QUARANTINED;
  const place = isAside ? { workspace: version.workspace } : skipToken;
  const { data } = useQuery(StateService.method.getStateVersion, place);
  const fromId = isAside ? (data?.stateVersion?.id ?? "") : previousId;
  if (fromId === "") return null;
  return (
    <StateDifferenceSection
      fromId={fromId}
      toId={version.id}
      title={isAside ? "Against the current state" : "Against the state before it"}
    />
  );
}
