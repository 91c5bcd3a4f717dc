import type { Need, Outcome, Row } from "./row.ts";
import {
  type OutsiderName,
  outsiders,
  type PersonName,
  type ProgramName,
  people,
  programs,
  type Where,
} from "./world.ts";

/** What each role may do, as the product promises it. */
const allowed: Readonly<Record<(typeof people)[PersonName]["role"], readonly Need[]>> = {
  site_admin: ["nothing", "read", "plan", "operate", "own", "administer_site"],
  owner: ["nothing", "read", "plan", "operate", "own"],
  operator: ["nothing", "read", "plan", "operate"],
  planner: ["nothing", "read", "plan"],
  reader: ["nothing", "read"],
};

/** What a caller must get. */
export function expected(row: Row, who: string, where: Where): Outcome {
  const good = row.except?.[who] ?? row.outcome ?? "OK";
  if (row.admits === "anybody") return good;
  if (who in outsiders) return outsiders[who as OutsiderName];
  if (programs.includes(who as ProgramName)) return isAdmitted(row, who as ProgramName) ? good : "PERMISSION_DENIED";
  if (row.admits !== "people" && row.admits !== "everybody") return "PERMISSION_DENIED";
  return forPerson(row, who as PersonName, where) ?? good;
}

const isAdmitted = ({ admits }: Row, who: ProgramName): boolean =>
  admits === "everybody" || (Array.isArray(admits) && admits.includes(who));

/** Why a person is refused; undefined if they are not. */
function forPerson(row: Row, who: PersonName, where: Where): Outcome | undefined {
  const { role, home } = people[who];
  const isAllowed = allowed[role].includes(row.needs ?? "nothing");
  if (!isAllowed && (row.judgedFirst || row.names === "nothing")) return "PERMISSION_DENIED";
  const isThere = row.names === "nothing" || where !== "deleted";
  const isTheirs = home === "site" || (home === "own") === (where === "own" || where === "sibling pool");
  if (!isThere || (!isTheirs && row.names !== "nothing")) return "NOT_FOUND";
  return isAllowed ? undefined : "PERMISSION_DENIED";
}
