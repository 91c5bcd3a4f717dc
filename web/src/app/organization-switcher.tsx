import { useContext } from "react";
import { useLocation } from "wouter";
import { OrganizationContext } from "./organization.ts";

/** Which organization this is; of several, a choice. */
export function OrganizationSwitcher() {
  const { organization, organizations } = useContext(OrganizationContext);
  const [, navigate] = useLocation();
  return (
    <div className="flex items-center gap-2.5 px-1">
      <img src="/icons/idle.svg" alt="" className="size-6" />
      {organizations.length > 1 ? (
        <select
          aria-label="Organization"
          className="select select-sm min-w-0 grow font-medium"
          value={organization}
          onChange={(event) => navigate(`/o/${encodeURIComponent(event.target.value)}`)}
          data-testid="organization"
        >
          {organizations.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      ) : (
        <span className="min-w-0 truncate font-semibold" data-testid="organization">
          {organization}
        </span>
      )}
    </div>
  );
}
