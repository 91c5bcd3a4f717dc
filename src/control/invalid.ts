import { WindlassError } from "../lib/errors.ts";

/** A field of the request that breaks a rule; `field` is its path in the request, such as `workspace.agent_pool`. */
export const invalid = (field: string, description: string): WindlassError =>
  new WindlassError("validation", `${field}: ${description}`, { fields: [{ field, description }] });
