import type { LoginChoice, LoginOffer } from "../../control/people/logins.ts";
import type { Role } from "../../domain/people/api-key.ts";
import type { Person } from "../../domain/people/principal.ts";
import { type FormValues, mistake } from "./form.ts";

const dayMs = 86_400_000;

/** How long a key may be good for, in days, and how pages say it. */
export const lifetimes: ReadonlyMap<string, string> = new Map([
  ["1", "one day"],
  ["7", "one week"],
  ["30", "30 days"],
  ["90", "90 days"],
  ["365", "one year"],
]);
const defaultDays = "90";

/** How people read and write a role. */
export const roleText = (role: Role): string => role.replaceAll("_", "-");

/** The texts of the form in which a person says what they give. */
export interface ChoiceTexts {
  readonly role: string;
  readonly organization: string;
  readonly days: string;
  readonly name: string;
}

/** What the form says before anybody wrote into it. */
export const firstTexts = ({ role }: Pick<Person, "role">, address: string): ChoiceTexts => ({
  role: roleText(role),
  organization: "",
  days: defaultDays,
  name: `terraform login on ${address === "" ? "this computer" : address}`,
});

export const textsIn = (form: FormValues): ChoiceTexts => ({
  role: form.get("role") ?? "",
  organization: form.get("organization") ?? "",
  days: form.get("days") ?? "",
  name: form.get("name") ?? "",
});

/** What was chosen. Throws `validation` for what the form does not offer. */
export function choiceOf({ role, organization, days, name }: ChoiceTexts, { roles }: LoginOffer): LoginChoice {
  const chosen = roles.find((one) => roleText(one) === role);
  if (chosen === undefined) throw mistake(`choose one of the roles ${roles.map(roleText).join(", ")}`);
  if (!lifetimes.has(days)) throw mistake("choose how long the new key is good for");
  return { organization, role: chosen, name: name.trim(), expiresInMs: Number(days) * dayMs };
}
