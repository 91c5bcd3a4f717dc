import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { Link } from "wouter";
import { type Run, WaitingReason } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { usePath } from "../../app/organization.ts";

/** Ended on the workspace's page. */
const ofWorkspace: ReadonlySet<WaitingReason> = new Set([WaitingReason.WORKSPACE_LOCKED, WaitingReason.NO_POOL]);

/** Ended on the page of the workspace's pool. */
const ofPool: ReadonlySet<WaitingReason> = new Set([
  WaitingReason.POOL_NOT_GRANTED,
  WaitingReason.NO_AGENT_ONLINE,
  WaitingReason.AGENTS_BUSY,
  WaitingReason.AGENTS_PAUSED,
  WaitingReason.AGENTS_DECLINED,
  WaitingReason.NO_MATCHING_AGENT,
  WaitingReason.NO_AGENT_WITH_ENGINE,
  WaitingReason.NO_AGENT_WITH_OPTION,
]);

/** The way to the page on which somebody can end the waiting, if there is one. */
export function WaitingPlace({ run: { organization, workspace }, reason }: { run: Run; reason: WaitingReason }) {
  const path = usePath();
  const input = ofPool.has(reason) ? { organization, workspace } : skipToken;
  const { data } = useQuery(WorkspaceService.method.getWorkspace, input);
  const pool = data?.workspace?.agentPool ?? "";
  if (ofWorkspace.has(reason)) return <Place href={path("ws", workspace)} text={`Workspace ${workspace}`} />;
  if (pool === "") return null;
  const tab = reason === WaitingReason.POOL_NOT_GRANTED ? ["workspaces"] : [];
  return <Place href={path("pools", pool, ...tab)} text={`Pool ${pool}`} />;
}

const Place = ({ href, text }: { readonly href: string; readonly text: string }) => (
  <Link href={href} className="text-base-content underline" data-testid="waiting-place">
    {text}
  </Link>
);
