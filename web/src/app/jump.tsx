import { useQuery } from "@connectrpc/connect-query";
import { skipToken } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { AgentPoolService } from "../../../src/gen/windlass/v1/agent_pool_service_pb.ts";
import { AgentService } from "../../../src/gen/windlass/v1/agent_service_pb.ts";
import { RunService } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { WorkspaceService } from "../../../src/gen/windlass/v1/workspace_service_pb.ts";
import { classes } from "../ui/class-names.ts";
import { Dialog } from "../ui/dialog.tsx";
import { ErrorNote } from "../ui/error-note.tsx";
import { useSettled } from "../ui/settled.ts";
import { runStateWords } from "../words/run-states.ts";
import { sections } from "./nav.tsx";
import { useOrganization, usePath } from "./organization.ts";

interface Target {
  readonly kind: string;
  readonly label: string;
  readonly about: string;
  readonly href: string;
}

const found = 6;

/** What the text leads to: sections, workspaces, runs, pools and agents. */
function useTargets(text: string): {
  readonly targets: readonly Target[];
  readonly error: unknown;
  readonly isBusy: boolean;
} {
  const organization = useOrganization();
  const path = usePath();
  const input = text === "" ? skipToken : { organization, search: text, pageSize: found };
  const workspaces = useQuery(WorkspaceService.method.listWorkspaces, input);
  const runs = useQuery(RunService.method.listRuns, input);
  // Pools and agents are few, and lists of them have no search.
  const pools = useQuery(AgentPoolService.method.listAgentPools, text === "" ? skipToken : { organization });
  const agents = useQuery(AgentService.method.listAgents, text === "" ? skipToken : { organization });
  const has = (name: string) => name.toLowerCase().includes(text.toLowerCase());
  const queries = [workspaces, runs, pools, agents];
  const pages = sections
    .filter(({ label }) => has(label))
    .map(({ label, segment }): Target => {
      return { kind: "Page", label, about: "", href: segment === "" ? path() : path(segment) };
    });
  const things: readonly Target[] = [
    ...(workspaces.data?.workspaces ?? []).map((one): Target => {
      return { kind: "Workspace", label: one.name, about: one.description, href: path("ws", one.name) };
    }),
    ...(pools.data?.agentPools ?? [])
      .filter(({ name }) => has(name))
      .slice(0, found)
      .map((one): Target => {
        return { kind: "Pool", label: one.name, about: one.description, href: path("pools", one.id) };
      }),
    ...(agents.data?.agents ?? [])
      .filter(({ name, id }) => has(name) || has(id))
      .slice(0, found)
      .map((one): Target => {
        return { kind: "Agent", label: one.name, about: one.agentPool, href: path("agents", one.id) };
      }),
    ...(runs.data?.runs ?? []).map((one): Target => {
      const about = [one.workspace, runStateWords(one.state).text, one.message].filter(Boolean).join(" · ");
      return { kind: "Run", label: one.id, about, href: path("runs", one.id) };
    }),
  ];
  return {
    targets: [...pages, ...(text === "" ? [] : things)],
    error: queries.find(({ error }) => error !== null)?.error,
    isBusy: queries.some(({ isFetching }) => isFetching),
  };
}

/** Searches everything by name or id, and goes there. */
export function JumpDialog({ onClose }: { readonly onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const [, navigate] = useLocation();
  const settled = useSettled(text.trim());
  const { targets, error, isBusy } = useTargets(settled);
  const chosen = Math.min(at, Math.max(0, targets.length - 1));
  const go = ({ href }: Target) => {
    onClose();
    navigate(href);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const target = targets[chosen];
    if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, targets.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else if (event.key === "Enter" && target !== undefined && settled === text.trim()) go(target);
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title="Search and jump" onClose={onClose} testId="jump">
      <input
        type="search"
        role="combobox"
        aria-expanded="true"
        aria-controls="jump-targets"
        aria-activedescendant={targets.length > 0 ? `jump-${chosen}` : undefined}
        aria-label="Name or id"
        placeholder="Name, id or message"
        className="input w-full"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        data-testid="jump-text"
      />
      {error !== undefined && <ErrorNote error={error} what="Not everything could be searched" />}
      <Targets targets={targets} chosen={chosen} onGo={go} />
      {targets.length === 0 && (
        <p className="quiet text-sm">{isBusy ? "Searching…" : "Nothing has this in its name or id."}</p>
      )}
    </Dialog>
  );
}

interface TargetsProps {
  readonly targets: readonly Target[];
  readonly chosen: number;
  readonly onGo: (target: Target) => void;
}

function Targets({ targets, chosen, onGo }: TargetsProps) {
  return (
    <div role="listbox" id="jump-targets" aria-label="Found" className="max-h-80 overflow-y-auto">
      {targets.map((target, index) => (
        <button
          key={target.href}
          type="button"
          role="option"
          id={`jump-${index}`}
          aria-selected={index === chosen}
          tabIndex={-1}
          onClick={() => onGo(target)}
          className={classes(
            "flex w-full items-baseline gap-3 rounded-field px-2.5 py-1.5 text-left text-sm",
            index === chosen && "bg-base-content/8",
          )}
          data-testid="jump-target"
        >
          <span className="eyebrow w-20 shrink-0">{target.kind}</span>
          <span className={classes("min-w-0 truncate", target.kind === "Run" && "font-mono")}>{target.label}</span>
          <span className="quiet min-w-0 truncate text-xs">{target.about}</span>
        </button>
      ))}
    </div>
  );
}
