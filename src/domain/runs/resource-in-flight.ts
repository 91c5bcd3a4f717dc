/** A change that terraform had begun and not ended: the object may differ from what the state says. */
export interface ResourceInFlight {
  readonly address: string;
  /** create, update or delete; empty if it is not known. */
  readonly action: string;
  /** Name and value of what identifies the object; empty if terraform told none. */
  readonly idKey: string;
  readonly id: string;
  /** How the last state that the apply stored has it; absent where nobody looked. */
  readonly inState?: "absent" | "present" | "tainted" | undefined;
}

/** As runs keep it: those of older versions have addresses alone. */
export type KeptInFlight = string | ResourceInFlight;

/** A resource of which only the address is known. */
export const addressOnly = (address: string): ResourceInFlight => ({ address, action: "", idKey: "", id: "" });

/** Most resources that one sentence names, and the longest name. */
const maxNamed = 10;
const maxNameLength = 200;

/** `t.a, t.b and 3 more`; empty if there is none. */
export function inFlightNames(resources: readonly ResourceInFlight[]): string {
  const names = resources.slice(0, maxNamed).map(nameOf);
  const more = resources.length - names.length;
  return `${names.join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
}

const nameOf = ({ address, idKey, id }: ResourceInFlight): string => {
  const name = id === "" ? address : `${address} [${idKey}=${id}]`;
  return name.length <= maxNameLength ? name : `${name.slice(0, maxNameLength)}…`;
};
