import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import { WorkspaceService } from "../../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { useOrganization } from "../../app/organization.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { SearchBox } from "../../ui/search-box.tsx";

interface ChooseWorkspaceDialogProps {
  /** Gets the name. */
  readonly onChosen: (workspace: string) => void;
  readonly onClose: () => void;
}

const shown = 20;

/** Asks which workspace a run is started of. */
export function ChooseWorkspaceDialog({ onChosen, onClose }: ChooseWorkspaceDialogProps) {
  const [search, setSearch] = useState("");
  const input = { organization: useOrganization(), search, pageSize: shown };
  const { data, error } = useQuery(WorkspaceService.method.listWorkspaces, input, {
    placeholderData: keepPreviousData,
  });
  return (
    <Dialog title="Start a run of which workspace?" onClose={onClose} testId="choose-workspace-dialog">
      <SearchBox label="Find a workspace" value={search} onChange={setSearch} testId="choose-workspace-search" />
      {error !== null && <ErrorNote error={error} what="The workspaces could not be read" />}
      <ul className="panel max-h-80 divide-y divide-base-300 overflow-y-auto">
        {data?.workspaces.map(({ name }) => (
          <li key={name}>
            <button
              type="button"
              className="w-full truncate px-4 py-2 text-left text-sm hover:bg-base-200"
              onClick={() => onChosen(name)}
              data-testid={`choose-${name}`}
            >
              {name}
            </button>
          </li>
        ))}
        {data?.workspaces.length === 0 && (
          <li className="quiet px-4 py-3 text-sm">
            {search === "" ? "There is no workspace yet: create one first." : "No workspace has this in its name."}
          </li>
        )}
      </ul>
    </Dialog>
  );
}
