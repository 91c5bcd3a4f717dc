import { type Agent, type KeptDirectory, keptKey } from "../../domain/agents/agent.ts";
import type { Principal } from "../../domain/people/principal.ts";
import { WindlassError } from "../../lib/words/errors.ts";
import { asPerson, notFound, type Reference } from "../core/access.ts";
import { record } from "../core/audit.ts";
import { change } from "../core/change.ts";
import { type Control, topics } from "../core/control.ts";
import { demandOver, findAgent } from "./agents.ts";
import { type AgentView, viewAgent } from "./view.ts";

export interface Removal extends Reference {
  readonly jobIds: readonly string[];
  /** All that the agent keeps now, in place of `jobIds`. */
  readonly isAll: boolean;
}

/** Lets an agent remove kept directories: at once, or when it comes back. */
export async function removeKeptDirectories(control: Control, who: Principal, wanted: Removal): Promise<AgentView> {
  const person = asPerson(who);
  demandOneWay(wanted);
  return change(control, async (tx, at) => {
    const agent = await findAgent(tx, person, wanted);
    demandOver(person, agent);
    const chosen = choose(agent, wanted);
    const keys = new Set([...agent.unwantedDirectories, ...chosen.map(keptKey)]);
    const next: Agent = { ...agent, unwantedDirectories: [...keys] };
    await tx.agents.save(next);
    const detail = { name: agent.name, jobs: chosen.map(({ jobId }) => jobId).join(", ") };
    const entry = { action: "agent.remove_kept", resource: agent.id, organizationId: agent.organizationId, detail };
    await record(tx, person, { ...entry, at: at.now });
    at.touched.add(topics.agent(agent.id)).add(topics.agents);
    return viewAgent(control, tx, next);
  });
}

function demandOneWay({ jobIds, isAll }: Removal): void {
  if (jobIds.length > 0 !== isAll) return;
  throw new WindlassError("validation", "expected the ids of jobs or all, and not both", {
    fields: [{ field: "job_ids", description: "name the jobs whose directories go, or set all" }],
  });
}

function choose({ name, keptDirectories }: Agent, { jobIds, isAll }: Removal): readonly KeptDirectory[] {
  if (isAll) return keptDirectories;
  const unknown = jobIds.find((id) => !keptDirectories.some(({ jobId }) => jobId === id));
  if (unknown !== undefined) throw notFound(`kept directory of agent ${name}`, unknown);
  return keptDirectories.filter(({ jobId }) => jobIds.includes(jobId));
}
