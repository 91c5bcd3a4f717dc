import type { Role } from "../domain/api-key.ts";
import type { Principal } from "../domain/principal.ts";
import type { Queries } from "../store/ports.ts";
import type { Control } from "./control.ts";
import { protocolRange } from "./registration.ts";

/** Where the database keeps the random id of its history. */
export const generationKey = "cluster_generation";

/** What the server is, for anybody who asks. */
export interface ServerFacts {
  readonly version: string;
  readonly database: "sqlite" | "postgres";
  readonly maxConfigurationBytes: number;
  readonly maxStateBytes: number;
  readonly generation: string;
  readonly hasServerAgent: boolean;
  /** The agent protocols it speaks. */
  readonly protocol: { readonly minimum: number; readonly maximum: number };
}

/** Describes the server. */
export async function describeServer({ version, store, limits, presence }: Control): Promise<ServerFacts> {
  const generation = (await store.read((q) => q.meta.get(generationKey))) ?? "";
  const { maxConfigurationBytes, maxStateBytes } = limits;
  const hasServerAgent = presence.all().some((seat) => seat.poolId === null);
  return {
    version,
    database: store.engine,
    maxConfigurationBytes,
    maxStateBytes,
    generation,
    hasServerAgent,
    protocol: protocolRange,
  };
}

/** The caller, as the server knows it. */
export interface Subject {
  readonly kind: Principal["kind"];
  readonly id: string;
  readonly name: string;
  /** Null unless it is an API key. */
  readonly role: Role | null;
  /** Names of the organizations it can see. */
  readonly organizations: readonly string[];
}

/** Describes the caller's credential. */
export async function describeCaller(control: Control, who: Principal): Promise<Subject> {
  return control.store.read((q) => subjectOf(q, who));
}

const maxOrganizations = 1000;

async function subjectOf(q: Queries, who: Principal): Promise<Subject> {
  const { kind } = who;
  switch (kind) {
    case "api_key": {
      const { id, name, role, organizationId } = who;
      const all = role === "site_admin" ? await q.organizations.list({ after: null, limit: maxOrganizations }) : [];
      const organizations = role === "site_admin" ? all.map((row) => row.name) : await nameOf(q, organizationId);
      return { kind, id, name, role, organizations };
    }
    case "agent_token": {
      const token = await q.tokens.get(who.id);
      return {
        kind,
        id: who.id,
        name: token?.description ?? "",
        role: null,
        organizations: await nameOf(q, who.organizationId),
      };
    }
    case "server_agent":
      return { kind, id: "", name: "server agent", role: null, organizations: [] };
    case "agent_session": {
      const agent = await q.agents.get(who.agentId);
      const organizations = await nameOf(q, agent?.organizationId ?? null);
      return { kind, id: who.agentId, name: agent?.name ?? "", role: null, organizations };
    }
    case "job": {
      const job = await q.jobs.get(who.jobId);
      const name = job === undefined ? "" : `${job.phase} of ${job.runId}`;
      return { kind, id: who.jobId, name, role: null, organizations: await nameOf(q, job?.organizationId ?? null) };
    }
  }
}

async function nameOf(
  q: Queries,
  id: Parameters<Queries["organizations"]["get"]>[0] | null,
): Promise<readonly string[]> {
  const organization = id === null ? undefined : await q.organizations.get(id);
  return organization === undefined ? [] : [organization.name];
}
