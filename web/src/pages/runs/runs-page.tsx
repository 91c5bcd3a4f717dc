import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useState } from "react";
import type { RunState } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { RunService } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import { useOrganization, useOrgFlag } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { ActionButton } from "../../ui/action-button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { SelectField } from "../../ui/field.tsx";
import { Pagination } from "../../ui/pagination.tsx";
import { SearchBox } from "../../ui/search-box.tsx";
import { useUrlState } from "../../ui/url-state.ts";
import { filterableSources, runSourceWords } from "../../words/run-sources.ts";
import { filterableStates, runStateWords } from "../../words/run-states.ts";
import { StartRunDialog } from "../run/start-run-dialog.tsx";
import { ChooseWorkspaceDialog } from "./choose-workspace-dialog.tsx";
import { RunsTable } from "./runs-table.tsx";

const presets = [
  { value: "", label: "All states" },
  { value: "active", label: "Not ended" },
  { value: "needs-decision", label: "Needs a person" },
] as const;

const stateOptions = [
  ...presets,
  ...filterableStates.map((state) => ({ value: runStateWords(state).flag, label: runStateWords(state).text })),
];

/** The request for a filter as the URL has it; what it does not know is no filter. */
function stateFilter(value: string) {
  if (value === "active") return { active: true };
  if (value === "needs-decision") return { needsDecision: true };
  const state = filterableStates.find((one: RunState) => runStateWords(one).flag === value);
  return state === undefined ? {} : { states: [state] };
}

const sourceOptions = [
  { value: "", label: "However created" },
  ...filterableSources.map((source) => {
    const { flag, text } = runSourceWords(source);
    return { value: flag, label: `${text.charAt(0).toUpperCase()}${text.slice(1)}` };
  }),
];

function sourceFilter(value: string) {
  const source = filterableSources.find((one) => runSourceWords(one).flag === value);
  return source === undefined ? {} : { sources: [source] };
}

interface RunsFilter {
  readonly state: string;
  readonly source: string;
  readonly search: string;
  readonly workspace: string;
}

function cliFor({ state, source, search, workspace }: RunsFilter): string {
  const flag = presets.some(({ value }) => value === state) ? `--${state}` : `--state ${state}`;
  const flags = [
    workspace === "" ? "" : ` -w ${shellWord(workspace)}`,
    state === "" ? "" : ` ${flag}`,
    source === "" ? "" : ` --source ${shellWord(source)}`,
    search === "" ? "" : ` --search ${shellWord(search)}`,
  ];
  return `windlass run list${flags.join("")}`;
}

export function RunsPage() {
  const organization = useOrganization();
  const [state, setState] = useUrlState("state");
  const [source, setSource] = useUrlState("source");
  const [search, setSearch] = useUrlState("q");
  const [workspace, setWorkspace] = useUrlState("workspace");
  const [page, setPage] = useUrlState("page");
  const filter = { ...stateFilter(state), ...sourceFilter(source) };
  const input = { organization, search, workspace, pageToken: page, ...filter };
  const { data, error, refetch } = useQuery(RunService.method.listRuns, input, { placeholderData: keepPreviousData });
  const isFiltered = [state, source, search, workspace].some((value) => value !== "");
  return (
    <Page
      title="Runs"
      cli={`${cliFor({ state, source, search, workspace })}${useOrgFlag()}`}
      actions={<StartButton workspace={workspace} />}
    >
      <div className="flex flex-wrap items-center gap-2">
        <SearchBox label="Id, message or author" value={search} onChange={setSearch} testId="runs-search" />
        <SearchBox label="Workspace" value={workspace} onChange={setWorkspace} testId="runs-workspace" />
        <SelectField
          label="State"
          options={stateOptions}
          value={state}
          onChange={setState}
          testId="runs-state"
          isBare
        />
        <SelectField
          label="Created how"
          options={sourceOptions}
          value={source}
          onChange={setSource}
          testId="runs-source"
          isBare
        />
      </div>
      {error !== null && <ErrorNote error={error} what="The runs could not be read" retry={() => void refetch()} />}
      {data !== undefined && <RunsTable runs={data.runs} empty={<NoRuns isFiltered={isFiltered} />} />}
      <Pagination token={page} nextToken={data?.nextPageToken ?? ""} onChange={setPage} />
    </Page>
  );
}

/** Of the workspace that the filter names; without one it asks. */
function StartButton({ workspace }: { readonly workspace: string }) {
  const [isStarting, setIsStarting] = useState(false);
  const [chosen, setChosen] = useState("");
  const started = workspace || chosen;
  const close = () => {
    setIsStarting(false);
    setChosen("");
  };
  return (
    <>
      <ActionButton testId="runs-start" tone="primary" onClick={() => setIsStarting(true)}>
        Start run
      </ActionButton>
      {isStarting && started === "" && <ChooseWorkspaceDialog onChosen={setChosen} onClose={close} />}
      {isStarting && started !== "" && <StartRunDialog workspace={started} onClose={close} />}
    </>
  );
}

function NoRuns({ isFiltered }: { readonly isFiltered: boolean }) {
  const orgFlag = useOrgFlag();
  if (isFiltered) return <EmptyState title="No run fits these filters">Clear a filter to see more.</EmptyState>;
  return (
    <EmptyState title="No runs yet" cli={`windlass run start WORKSPACE --dir .${orgFlag}`}>
      A run plans a workspace's configuration, and applies it once somebody has confirmed the plan.
    </EmptyState>
  );
}
