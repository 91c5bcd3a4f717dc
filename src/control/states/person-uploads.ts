import type { Principal } from "../../domain/people/principal.ts";
import { asPerson, demand, findWorkspace, type Reference } from "../core/access.ts";
import type { Control } from "../core/control.ts";
import { refuseTooLarge } from "../core/refusals.ts";
import { type ArrivedPart, personOwner, takePart } from "../core/uploads.ts";
import { admitPush } from "./push.ts";

export interface PersonPart extends ArrivedPart {
  readonly workspace: Reference;
  readonly purpose: "configuration" | "state";
}

/** Takes a part of a configuration or a state that the person may upload to the workspace. */
export async function takePersonPart(
  control: Control,
  who: Principal,
  { workspace: reference, purpose, ...part }: PersonPart,
): Promise<number> {
  const person = asPerson(who);
  if (purpose === "state") await admitPush(control, who, { workspace: reference, isForced: false });
  const { organizationId } = await control.store.read(async (q) => {
    const workspace = await findWorkspace(q, person, reference);
    demand(person, "plan");
    return workspace;
  });
  const { maxConfigurationBytes, maxStateBytes } = control.limits;
  const maxBytes = purpose === "configuration" ? maxConfigurationBytes : maxStateBytes;
  refuseTooLarge(purpose, BigInt(part.bytes), maxBytes);
  return takePart(control, { owner: personOwner(person.id), organizationId, isOfJob: false }, part);
}
