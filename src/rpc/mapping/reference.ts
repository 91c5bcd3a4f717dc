import type { Reference } from "../../control/core/access.ts";

/** How requests name a workspace. */
export const fromReference = ({
  organization,
  workspace,
}: {
  readonly organization: string;
  readonly workspace: string;
}): Reference => ({ organization, name: workspace });
