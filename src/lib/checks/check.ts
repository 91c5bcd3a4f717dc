import { wrapLine } from "../text/wrap-text.ts";
import { messageOf } from "../values/errors.ts";
import { foreignText } from "../way/own-answer.ts";

/** What a check of `doctor` found out. Ids are stable: scripts look for them. */
export interface Check<Id extends string = string> {
  readonly id: Id;
  readonly status: "ok" | "warn" | "fail" | "skip";
  /** What was seen, in one line. */
  readonly detail: string;
  /** What to do about it; empty if all is well. */
  readonly fix: string;
}

export const ok = <Id extends string>(id: Id, detail: string): Check<Id> => ({ id, status: "ok", detail, fix: "" });
export const warn = <Id extends string>(id: Id, detail: string, fix: string): Check<Id> => ({
  id,
  status: "warn",
  detail,
  fix,
});
export const fail = <Id extends string>(id: Id, detail: string, fix: string): Check<Id> => ({
  id,
  status: "fail",
  detail,
  fix,
});
/** Not looked at, because something before it failed. */
export const skip = <Id extends string>(id: Id, detail: string): Check<Id> => ({ id, status: "skip", detail, fix: "" });

/** True if nothing failed; warnings do not count. */
export const isHealthy = (checks: readonly Check[]): boolean => checks.every(({ status }) => status !== "fail");

/** The same checks of each of several addresses; the details say which one, where there are several. */
export async function checkEach(
  addresses: readonly string[],
  look: (address: string) => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  if (addresses.length < 2) return (await Promise.all(addresses.map(look))).flat();
  const found: Check[] = [];
  for (const address of addresses) {
    const checks = await look(address);
    found.push(...checks.map((check) => ({ ...check, detail: `${address}: ${check.detail}` })));
  }
  return found;
}

/**
 * `ok tcp connected in 2 ms` for each check, and what to do under those that are not well. `width` is the terminal's;
 * undefined breaks no lines.
 */
export function checkLines(checks: readonly Check[], width?: number | undefined): readonly string[] {
  const idWidth = Math.max(0, ...checks.map(({ id }) => id.length));
  const indent = idWidth + 8;
  return checks.flatMap(({ id, status, detail, fix }) => {
    const line = wrapLine(`${status.padEnd(4)}  ${id.padEnd(idWidth)}  ${detail}`, width, indent);
    return fix === "" ? line : [...line, ...wrapLine(`${" ".repeat(indent)}→ ${fix}`, width, indent + 2)];
  });
}

/** Runs one check; whatever it throws is a failure that says so. */
export async function attempt(id: string, fix: string, look: () => Promise<Check>): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    return fail(id, foreignText(error) ?? messageOf(error), fix);
  }
}
