import { createContext, useContext } from "react";
import { shellWord } from "../../../src/lib/text/shell-word.ts";

/** What is known of where we are, on every page below /o/:org. */
export interface OrganizationPlace {
  /** The organization's name. */
  readonly organization: string;
  /** Every organization that the caller may see, by name. */
  readonly organizations: readonly string[];
}

export const OrganizationContext = createContext<OrganizationPlace>({ organization: "", organizations: [] });

/** The organization of this page, by name. */
export const useOrganization = (): string => useContext(OrganizationContext).organization;

/** The command line's flag for it: left out for those who have only one. */
export function useOrgFlag(): string {
  const { organization, organizations } = useContext(OrganizationContext);
  return organizations.length > 1 ? ` --org ${shellWord(organization)}` : "";
}

/** Makes paths of pages: `path("runs", id)` is `/o/acme/runs/run_1`. */
export function usePath(): (...segments: readonly string[]) => string {
  const organization = useOrganization();
  return (...segments) =>
    ["/o", organization, ...segments].map((part, index) => (index === 0 ? part : encodeURIComponent(part))).join("/");
}
