import { useQuery } from "@connectrpc/connect-query";
import type { ReactNode } from "react";
import { Link, useParams } from "wouter";
import { type Run, RunPhase } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { RunService } from "../../../../src/gen/windlass/v1/run_service_pb.ts";
import { shellWord } from "../../../../src/lib/text/shell-word.ts";
import type { Favicon } from "../../app/favicon.ts";
import { useOrgFlag, usePath } from "../../app/organization.ts";
import { Page } from "../../app/page.tsx";
import { LogPane } from "../../log/log-pane.tsx";
import { PlanView } from "../../plan/plan-view.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { EmptyState } from "../../ui/empty-state.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { shortId } from "../../ui/format.ts";
import type { Tone } from "../../ui/status-badge.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { RunStateBadge } from "../../words/run-state-badge.tsx";
import { countsText, hasEnded, runStateWords } from "../../words/run-states.ts";
import { ActionBar } from "./action-bar.tsx";
import { RunFacts } from "./facts.tsx";
import { HookSummaries } from "./hook-summaries.tsx";
import { resultsOf } from "./results.ts";
import { RunEvents } from "./run-events.tsx";
import { aheadText, hasNoLog, type RunTab, runTabs, useShownTab } from "./run-tabs.ts";
import { StageBar } from "./stage-bar.tsx";
import { Trouble } from "./trouble.tsx";
import { WaitingBanner } from "./waiting-banner.tsx";

const tabLabels: Readonly<Record<RunTab, string>> = {
  changes: "Changes",
  "plan-log": "Plan log",
  "apply-log": "Apply log",
  timeline: "Details",
};

const favicons: Readonly<Record<Tone, Favicon>> = {
  quiet: "idle",
  busy: "running",
  wait: "waiting",
  good: "good",
  bad: "bad",
};
const marks: Readonly<Record<Tone, string>> = { quiet: "○", busy: "●", wait: "?", good: "✓", bad: "✗" };

export function RunPage() {
  const { id, tab } = useParams<{ readonly id: string; readonly tab?: string }>();
  const path = usePath();
  const orgFlag = useOrgFlag();
  const { data, error, refetch } = useQuery(RunService.method.getRun, { runId: id });
  const run = data?.run;
  if (run === undefined)
    return (
      <Page
        title={shortId(id)}
        crumbs={[{ label: "Runs", href: path("runs") }]}
        cli={`windlass run get ${shellWord(id)}${orgFlag}`}
      >
        {error === null ? (
          <p className="quiet">Reading the run…</p>
        ) : (
          <ErrorNote error={error} what="The run could not be read" retry={() => void refetch()} />
        )}
      </Page>
    );
  return (
    <KnownRun key={id} run={run} tab={tab}>
      {error !== null && (
        <ErrorNote error={error} what="The run could not be read again" retry={() => void refetch()} />
      )}
    </KnownRun>
  );
}

interface KnownRunProps {
  readonly run: Run;
  /** As the address has it. */
  readonly tab: string | undefined;
  /** Stands above the tabs. */
  readonly children: ReactNode;
}

function KnownRun({ run, tab, children }: KnownRunProps) {
  const path = usePath();
  const orgFlag = useOrgFlag();
  const { tone, text } = runStateWords(run.state);
  const { shown, ahead } = useShownTab(run, tab);
  return (
    <Page
      title={run.message || shortId(run.id)}
      tabTitle={`${marks[tone]} ${countsText(run.appliedChanges ?? run.plannedChanges)} ${run.workspace}`}
      favicon={favicons[tone]}
      crumbs={[
        { label: "Runs", href: path("runs") },
        { label: run.workspace, href: path("ws", run.workspace) },
      ]}
      cli={cliOf(run, shown) + orgFlag}
      lead={<Lead run={run} />}
    >
      <p role="status" className="sr-only" data-testid="run-state">
        {text}
      </p>
      <RunFacts run={run} />
      <StageBar run={run} />
      <WaitingBanner run={run} />
      <Trouble run={run} />
      <HookSummaries run={run} />
      {children}
      <Tabs
        label="Parts of the run"
        tabs={runTabs.map((one) => ({
          label: tabLabels[one],
          href: path("runs", run.id, one),
          isCurrent: one === shown,
          testId: `tab-${one}`,
        }))}
      />
      <TabContent run={run} tab={shown} />
      <ActionBar run={run}>
        {ahead !== undefined && (
          <Link href={path("runs", run.id, ahead)} className="link font-medium" data-testid="run-ahead">
            {aheadText(run, ahead)}
          </Link>
        )}
      </ActionBar>
    </Page>
  );
}

function Lead({ run }: { readonly run: Run }) {
  return (
    <>
      <span data-testid="run-badge">
        <RunStateBadge run={run} large />
      </span>
      <span className="quiet inline-flex items-center gap-1 font-mono text-xs">
        {run.message !== "" && shortId(run.id)}
        <CopyButton text={run.id} what="run id" />
      </span>
    </>
  );
}

function cliOf({ id, state }: Run, tab: RunTab): string {
  if (tab === "changes") return `windlass run plan ${shellWord(id)}`;
  if (tab === "timeline") return `windlass run get ${shellWord(id)}`;
  return `windlass run logs ${shellWord(id)} --phase ${tab === "plan-log" ? "plan" : "apply"}${hasEnded({ state }) ? "" : " -f"}`;
}

function TabContent({ run, tab }: { readonly run: Run; readonly tab: RunTab }) {
  switch (tab) {
    case "changes":
      return run.plannedChanges === undefined ? (
        <div className="panel">
          <EmptyState title="There is no plan">
            {hasEnded(run)
              ? "The run ended before it had one: its log says why."
              : "It is shown here as soon as it is made."}
          </EmptyState>
        </div>
      ) : (
        <PlanView runId={run.id} version={`${run.plan?.epoch} ${run.planSha256}`} resultOf={resultsOf(run)} />
      );
    case "plan-log":
      return <PhaseLog run={run} phase={RunPhase.PLAN} />;
    case "apply-log":
      return <PhaseLog run={run} phase={RunPhase.APPLY} />;
    case "timeline":
      return <RunEvents run={run} />;
  }
}

function PhaseLog({ run, phase }: { readonly run: Run; readonly phase: RunPhase }) {
  const isPlan = phase === RunPhase.PLAN;
  const job = isPlan ? run.plan : run.apply;
  if (job === undefined) return <NoLog text={noJobText(run, isPlan)} hasEnded={hasEnded(run)} />;
  if (hasNoLog(run, job))
    return (
      <NoLog text={isPlan ? "It begins when an agent starts the plan." : "It begins when an agent starts the apply."} />
    );
  const place = { runId: run.id, phase };
  return <LogPane key={phase} place={place} label={isPlan ? "Log of the plan" : "Log of the apply"} />;
}

/** Why a phase has no job. */
function noJobText(run: Run, isPlan: boolean): string {
  if (hasEnded(run)) return isPlan ? "The run ended before its plan began." : "Nothing was applied.";
  return isPlan ? "It begins when the run has its turn." : "Nothing is applied before somebody has confirmed the plan.";
}

const NoLog = ({ text, hasEnded = false }: { readonly text: string; readonly hasEnded?: boolean }) => (
  <div className="panel">
    <EmptyState title={hasEnded ? "There is no log" : "There is no log yet"}>{text}</EmptyState>
  </div>
);
