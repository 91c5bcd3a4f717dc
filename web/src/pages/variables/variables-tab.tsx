import { useQuery } from "@connectrpc/connect-query";
import { Link } from "wouter";
import { VariableSetService } from "../../../../src/gen/windlass/v1/variable_set_service_pb.ts";
import type { Workspace } from "../../../../src/gen/windlass/v1/workspace_pb.ts";
import { usePath } from "../../app/organization.ts";
import { Section } from "../../ui/blocks/section.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { countText } from "../../ui/format.ts";
import { EffectiveVariables } from "./effective-variables.tsx";
import { VariablesTable } from "./variables-table.tsx";

/** A workspace's own variables, the sets that it gets, and what comes of both. */
export function VariablesTab({ workspace }: { readonly workspace: Workspace }) {
  return (
    <>
      <VariablesTable
        owner={{ kind: "workspace", name: workspace.name }}
        title="Variables"
        lead="Of this workspace alone."
      />
      <Sets workspace={workspace} />
      <EffectiveVariables workspace={workspace} />
    </>
  );
}

function Sets({ workspace: { organization, name } }: { readonly workspace: Workspace }) {
  const path = usePath();
  const { data, error, refetch } = useQuery(VariableSetService.method.listVariableSets, {
    organization,
    workspace: name,
  });
  return (
    <Section title="Variable sets" lead="Shared with other workspaces. They are changed in the settings.">
      {error !== null && (
        <ErrorNote error={error} what="The variable sets could not be read" retry={() => void refetch()} />
      )}
      {data !== undefined && (
        <ul className="panel divide-y divide-base-300 text-sm" data-testid="workspace-sets">
          {data.variableSets.map((set) => (
            <li key={set.id} className="flex flex-wrap items-baseline gap-x-3 px-4 py-2">
              <Link
                href={path("settings", "variable-sets", set.name)}
                className="font-medium underline-offset-2 hover:underline"
              >
                {set.name}
              </Link>
              <span className="quiet">{countText(set.variableCount, "variable")}</span>
              <span className="quiet">{set.isGlobal ? "every workspace gets it" : "attached to this workspace"}</span>
              {set.isPriority && <span className="text-warning">wins over the workspace's own</span>}
            </li>
          ))}
          {data.variableSets.length === 0 && (
            <li className="quiet px-4 py-3">
              It gets none. Make one in the{" "}
              <Link href={path("settings", "variable-sets")} className="underline">
                settings
              </Link>
              .
            </li>
          )}
        </ul>
      )}
    </Section>
  );
}
