import { WindlassError } from "../../lib/words/errors.ts";
import { isAnyId } from "../../lib/words/ids.ts";
import { namePattern, nameShape } from "../../lib/words/names.ts";
import { workspaceNamePattern } from "../../lib/words/workspace-names.ts";
import { invalid } from "./refusals.ts";

const shape = new RegExp(namePattern);

/** Whose name is to be free. */
interface Naming {
  readonly resource: "organization" | "agent pool" | "variable set";
  /** Where the request says the name. */
  readonly field: string;
  /** The id of what is to be called so, if it is there already. */
  readonly self?: string | undefined;
  /** The one that has this name, in whatever case. */
  readonly find: (name: string) => Promise<{ readonly id: string; readonly name: string } | undefined>;
}

/**
 * Refuses what can be no name of an organization, pool or variable set, and what another one has, in whatever case: people and file
 * systems take them for the same. What looks like an id is one wherever these are named.
 */
export async function demandFreeName(name: string, { resource, field, self, find }: Naming): Promise<void> {
  if (isAnyId(name)) throw invalid(field, `${JSON.stringify(name)} looks like an id: choose another name`);
  if (!shape.test(name)) throw invalid(field, `expected ${nameShape}, got ${JSON.stringify(name.slice(0, 100))}`);
  const found = await find(name);
  if (found !== undefined && found.id !== self) throw nameTaken(resource, found.name);
}

const workspaceShape = new RegExp(workspaceNamePattern);

/** True for what can be a name of a workspace. What looks like an id is one wherever a workspace is named. */
export const isWorkspaceName = (text: string): boolean => workspaceShape.test(text) && !isAnyId(text);

/** The refusal of a name that another one of its kind has. */
export const nameTaken = (resource: string, name: string): WindlassError =>
  new WindlassError(
    "name_taken",
    `there is already ${/^[aeiou]/.test(resource) ? "an" : "a"} ${resource} "${name}": choose another name`,
    {
      metadata: { resource, name },
    },
  );

/** Names for a message: at most `most` of them, and how many more there are. */
export function shortList(names: readonly string[], most = 10): string {
  const shown = names.slice(0, most).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** Names for the metadata of an error: few enough for the headers that carry it. */
export const listedNames = (names: readonly string[]): string => names.slice(0, 20).join(",");
