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
