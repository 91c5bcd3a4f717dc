import type { ReactNode } from "react";
import { Link } from "wouter";
import { type Run, RunPriority } from "../../../../src/gen/windlass/v1/run_pb.ts";
import { usePath } from "../../app/organization.ts";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { callerName } from "../../words/caller.ts";
import { Counts } from "../../words/counts.tsx";
import { runSourceWords } from "../../words/run-sources.ts";

const priorities: Readonly<Record<RunPriority, string>> = {
  [RunPriority.UNSPECIFIED]: "",
  [RunPriority.LOW]: "low",
  [RunPriority.NORMAL]: "",
  [RunPriority.HIGH]: "high",
};

/** How a run was asked to behave, as far as it is not the ordinary way. */
export function optionWords({ options }: Run): readonly string[] {
  if (options === undefined) return [];
  const count = (many: number, word: string) => many > 0 && `${many} ${word}${many === 1 ? "" : "s"}`;
  const words = [
    options.destroy && "destroys everything",
    options.planOnly && "only plans",
    options.savePlan && "keeps its plan",
    options.refreshOnly && "only refreshes",
    options.refresh === false && "without refresh",
    options.autoApply === true && "applies by itself",
    options.allowEmptyApply && "applies also without changes",
    options.generateConfiguration && "generates configuration",
    options.debug && "tells all in the log",
    count(options.targetCount, "target"),
    count(options.replacementCount, "replacement"),
    count(options.excludeCount, "exclude"),
    count(options.variableCount, "variable"),
  ];
  return words.filter((word) => typeof word === "string");
}

type Path = ReturnType<typeof usePath>;

function agentLink(phase: Run["plan"], path: Path): ReactNode {
  if (phase === undefined || phase.agentId === "") return undefined;
  return (
    <Link href={path("agents", phase.agentId)} className="hover:underline">
      {phase.agentName || phase.agentId}
    </Link>
  );
}

function factsOf(run: Run, path: Path): readonly (readonly [string, ReactNode])[] {
  return [
    [
      "Workspace",
      <Link key="workspace" href={path("ws", run.workspace)} className="hover:underline">
        {run.workspace}
      </Link>,
    ],
    ["Changes", <Counts key="changes" counts={run.appliedChanges ?? run.plannedChanges} />],
    [
      "Created",
      <span key="created" title={run.createdBy}>
        <RelativeTime time={run.createTime} /> by {callerName(run.createdBy)} {runSourceWords(run.source).text}
      </span>,
    ],
    ["Engine", run.engine === "" ? undefined : `${run.engine} ${run.engineVersion}`],
    ["Plan on", agentLink(run.plan, path)],
    ["Apply on", agentLink(run.apply, path)],
    [
      "State",
      run.stateVersionId === "" ? undefined : (
        <Link key="state" href={path("ws", run.workspace, "state", run.stateVersionId)} className="underline">
          outputs and resources
        </Link>
      ),
    ],
    ["Priority", priorities[run.priority] || undefined],
    ["Options", optionWords(run).join(", ") || undefined],
    [
      "Repeats",
      run.retryOf === "" ? undefined : (
        <Link key="repeats" href={path("runs", run.retryOf)} className="font-mono text-xs underline">
          {run.retryOf}
        </Link>
      ),
    ],
  ];
}

/** Who, when, from where, with what, on which agents. */
export function RunFacts({ run }: { readonly run: Run }) {
  const facts = factsOf(run, usePath());
  return (
    <dl className="flex flex-wrap gap-x-8 gap-y-3 text-sm">
      {facts.map(([name, value]) =>
        value === undefined ? null : (
          <div key={name} className="min-w-0">
            <dt className="eyebrow">{name}</dt>
            <dd className="min-w-0 break-words">{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}
