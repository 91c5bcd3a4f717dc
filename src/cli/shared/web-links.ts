import { type GetServerInfoResponse, SystemService } from "../../gen/windlass/v1/system_service_pb.ts";
import type { Context } from "../server/context.ts";

/** Something that has a page in the UI. */
export interface WebSubject {
  readonly kind: "run" | "workspace" | "pool" | "agent" | "organization";
  /** Name of its organization. */
  readonly organization: string;
  /** Id of a run, a pool or an agent, name of a workspace; empty of an organization. */
  readonly name: string;
}

const rooms: Readonly<Record<Exclude<WebSubject["kind"], "organization">, string>> = {
  run: "runs",
  workspace: "ws",
  pool: "pools",
  agent: "agents",
};

/** The page of a subject below the address of the UI: `/o/acme/runs/run_…`. */
export function pagePath({ kind, organization, name }: WebSubject): string {
  const parts = kind === "organization" ? [organization] : [organization, rooms[kind], name];
  return `/o/${parts.map(encodeURIComponent).join("/")}`;
}

/** The link to a subject that people are shown; undefined if the server does not say where its UI is. */
export async function linkTo(context: Context, subject: WebSubject): Promise<string | undefined> {
  if (!context.printer.isForPeople) return undefined;
  // A link is no reason to fail.
  const info = await serverInfo(context).catch(() => undefined);
  const hasLink = info?.hasWeb === true && info.publicUrl !== "" && subject.organization !== "";
  return hasLink ? `${info.publicUrl}${pagePath(subject)}` : undefined;
}

/** What the server says of itself. */
export async function serverInfo(context: Context): Promise<GetServerInfoResponse> {
  return (await context.publicClient(SystemService)).getServerInfo({});
}
