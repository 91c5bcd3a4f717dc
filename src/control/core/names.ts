import { WindlassError } from "../../lib/words/errors.ts";
import { isAnyId } from "../../lib/words/ids.ts";
import { workspaceNamePattern } from "../../lib/words/workspace-names.ts";

/** What a name of an organization, pool or variable set looks like, for messages. */
export const nameShape = "1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end";

const shape = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** True for what can be a name of an organization, pool or variable set. */
export const isName = (text: string): boolean => shape.test(text);

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
