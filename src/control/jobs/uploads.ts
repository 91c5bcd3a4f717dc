import type { Principal } from "../../domain/people/principal.ts";
import type { Queries } from "../../store/ports/store.ts";
import type { Control } from "../core/control.ts";
import { refuseTooLarge } from "../core/refusals.ts";
import { type ArrivedPart, jobOwner, takePart } from "../core/uploads.ts";
import { openScope, planScope, type Scope } from "./artifacts.ts";
import { applyScope } from "./states.ts";

/** Takes a part of what a plan or an apply uploads. */
export async function takeJobPart(control: Control, who: Principal, part: ArrivedPart): Promise<number> {
  const { job } = await control.store.read((q) => uploadScope(q, who));
  const { maxPlanBytes, maxPlanFilesBytes, maxStateBytes } = control.limits;
  const maxBytes = job.phase === "plan" ? Math.max(maxPlanBytes, maxPlanFilesBytes) : maxStateBytes;
  refuseTooLarge("upload", BigInt(part.bytes), maxBytes);
  return takePart(control, { owner: jobOwner(job.id), organizationId: job.organizationId, isOfJob: true }, part);
}

async function uploadScope(q: Queries, who: Principal): Promise<Scope> {
  const { job } = await openScope(q, who);
  return job.phase === "plan" ? planScope(q, who) : applyScope(q, who);
}
