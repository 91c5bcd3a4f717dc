import { Fragment, useMemo, useState } from "react";
import type { OutputChange } from "../../../src/gen/windlass/v1/run_pb.ts";
import { classes } from "../ui/class-names.ts";
import { ErrorNote } from "../ui/error-note.tsx";
import { countText } from "../ui/format.ts";
import { SearchBox } from "../ui/search-box.tsx";
import { useUrlState } from "../ui/url-state.ts";
import { type ChangeKind, changeKinds, kindOf, kindWords } from "./actions.ts";
import { Attributes } from "./attributes.tsx";
import { Folded } from "./folded.tsx";
import { type ChangeGroup, firstOf, groupsOf, type ModuleChanges } from "./groups.ts";
import { type ChangeResult, ResourceRow } from "./resource-row.tsx";
import { type PlanPlace, type ReadPlan, usePlan } from "./use-plan.ts";

/** What became of the change of an address; undefined if that is not known, or there was no apply. */
export type ResultOf = (address: string) => ChangeResult | undefined;

/** Groups of more changes are closed at first: a browser lays out what is open. */
const openAtOnce = 60;
/** So many rows of a group are shown, and so many more whenever somebody wants more. */
const rowsAtOnce = 200;

interface PlanViewProps extends PlanPlace {
  readonly resultOf: ResultOf;
}

/** What a plan would change: what destroys first. */
export function PlanView({ resultOf, ...place }: PlanViewProps) {
  const plan = usePlan(place);
  const [text, setText] = useUrlState("find");
  const [kind, setKind] = useUrlState("kind");
  const groups = useMemo(() => groupsOf(plan.changes, { text, kind }), [plan.changes, text, kind]);
  const drift = useMemo(() => groupsOf(plan.drift, { text, kind: "" }), [plan.drift, text]);
  if (plan.summary === undefined)
    return plan.error === undefined ? (
      <p className="quiet">{plan.isLoading ? "Reading the plan…" : ""}</p>
    ) : (
      <ErrorNote error={plan.error} what="The plan could not be read" />
    );
  const isEmpty = plan.changes.length + plan.outputs.length === 0;
  return (
    <div className="space-y-4">
      {plan.summary.incomplete && <Incomplete />}
      {isEmpty ? (
        <NoChanges hasDrift={plan.drift.length > 0} />
      ) : (
        <Filters plan={plan} text={text} onText={setText} kind={kind} onKind={setKind} />
      )}
      {groups.map((group) => (
        <Group key={group.kind} group={group} resultOf={resultOf} />
      ))}
      {!isEmpty && groups.length === 0 && plan.changes.length > 0 && (
        <p className="quiet">
          {plan.isWhole ? "No change fits this filter." : "No change that has been read so far fits this filter."}
        </p>
      )}
      {kind === "" && <Outputs outputs={plan.outputs} />}
      {drift.length > 0 && kind === "" && <Drift groups={drift} />}
      {!plan.isWhole && <Unread plan={plan} />}
      {plan.error !== undefined && (
        <ErrorNote error={plan.error} what="The rest of the plan could not be read" retry={plan.more} />
      )}
    </div>
  );
}

/** A plan that is not all there: above all whether something that destroys is still to come. */
function Unread({ plan: { summary, changes, more } }: { readonly plan: ReadPlan }) {
  const read = changes.filter((change) => destroying.has(kindOf(change))).length;
  const unread = (summary?.counts?.destroy ?? 0) - read;
  return (
    <div className="space-y-2" data-testid="plan-unread">
      {unread > 0 && (
        <p className="rounded-box border border-error/40 bg-error/5 px-4 py-2.5 text-sm">
          {unread.toLocaleString("en")} of what it destroys or replaces has not been read yet.
        </p>
      )}
      {more === undefined ? (
        <p role="status" className="quiet text-sm">
          Reading on: {countText(changes.length, "change")} so far…
        </p>
      ) : (
        <button type="button" className="btn btn-sm" onClick={more} data-testid="plan-more">
          Read on: {countText(changes.length, "change")} so far
        </button>
      )}
    </div>
  );
}

const destroying: ReadonlySet<ChangeKind> = new Set(["destroy", "replace"]);

const Incomplete = () => (
  <p className="rounded-box border border-warning/40 bg-warning/8 px-4 py-2.5 text-sm">
    The plan could not decide everything: another run is needed after this one.
  </p>
);

const NoChanges = ({ hasDrift }: { readonly hasDrift: boolean }) => (
  <div className="panel px-6 py-10 text-center" data-testid="plan-empty">
    <p className="font-medium">No changes</p>
    <p className="quiet text-sm">
      {hasDrift
        ? "The configuration fits the state; what changed outside is below."
        : "The infrastructure is as the configuration says."}
    </p>
  </div>
);

interface FiltersProps {
  readonly plan: ReadPlan;
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly kind: string;
  readonly onKind: (kind: string) => void;
}

function Filters({ plan, text, onText, kind, onKind }: FiltersProps) {
  const counts = Map.groupBy(plan.changes, kindOf);
  return (
    <div className="flex flex-wrap items-center gap-2">
      <SearchBox label="Address or attribute" value={text} onChange={onText} testId="plan-find" />
      {changeKinds.map((each) => {
        const count = counts.get(each)?.length ?? 0;
        if (count === 0) return null;
        const { symbol, word, tone } = kindWords[each];
        return (
          <button
            key={each}
            type="button"
            aria-pressed={kind === each}
            className={classes("btn btn-sm font-normal", kind === each && "btn-active")}
            onClick={() => onKind(kind === each ? "" : each)}
            data-testid={`plan-kind-${each}`}
          >
            <span className={classes("font-bold font-mono", tone)}>{symbol}</span>
            {count.toLocaleString("en")} {word}
          </button>
        );
      })}
    </div>
  );
}

function Group({
  group: { kind, count, modules },
  resultOf,
}: {
  readonly group: ChangeGroup;
  readonly resultOf: ResultOf;
}) {
  const { title, tone } = kindWords[kind];
  const isDangerous = destroying.has(kind);
  const rows = () => <Rows modules={modules} isOpen={isDangerous && count <= openAtOnce} resultOf={resultOf} />;
  return (
    <Folded
      isOpen={isDangerous || count <= openAtOnce}
      className="folds panel overflow-hidden"
      testId={`plan-group-${kind}`}
      summary={
        <summary className="px-4 py-2.5 font-medium text-sm">
          <span className={tone}>{title}</span>
          <span className="quiet font-normal">{count.toLocaleString("en")}</span>
        </summary>
      }
      content={rows}
    />
  );
}

interface RowsProps {
  readonly modules: readonly ModuleChanges[];
  readonly isOpen: boolean;
  readonly resultOf: ResultOf;
}

/** Changes by module, the first of them until somebody wants more. */
function Rows({ modules, isOpen, resultOf }: RowsProps) {
  const [limit, setLimit] = useState(rowsAtOnce);
  const left = modules.reduce((sum, { changes }) => sum + changes.length, 0) - limit;
  return (
    <div className="border-base-300 border-t">
      {firstOf(modules, limit).map(({ module, changes }) => (
        <Fragment key={module}>
          {modules.length > 1 && (
            <p className="quiet border-base-300 border-t bg-base-200 px-4 py-1 font-mono text-xs first:border-t-0">
              {module === "" ? "root module" : module}
            </p>
          )}
          {changes.map((change) => (
            <ResourceRow key={change.address} change={change} isOpen={isOpen} result={resultOf(change.address)} />
          ))}
        </Fragment>
      ))}
      {left > 0 && (
        <button
          type="button"
          className="quiet w-full cursor-pointer border-base-300 border-t px-4 py-2 text-left text-sm hover:bg-base-200"
          onClick={() => setLimit(limit + rowsAtOnce)}
          data-testid="plan-rows-more"
        >
          Show {Math.min(left, rowsAtOnce)} more of {countText(left, "other change")}
        </button>
      )}
    </div>
  );
}

function Outputs({ outputs }: { readonly outputs: readonly OutputChange[] }) {
  if (outputs.length === 0) return null;
  return (
    <details open className="folds panel overflow-hidden" data-testid="plan-outputs">
      <summary className="px-4 py-2.5 font-medium text-sm">
        Outputs <span className="quiet font-normal">{outputs.length}</span>
      </summary>
      <div className="border-base-300 border-t pt-1">
        <Attributes
          attributes={outputs.flatMap(({ name, change }) => (change === undefined ? [] : [{ ...change, path: name }]))}
          leftOut={0}
        />
      </div>
    </details>
  );
}

function Drift({ groups }: { readonly groups: readonly ChangeGroup[] }) {
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  const changes = groups.flatMap(({ modules }) => modules.flatMap((module) => module.changes));
  return (
    <Folded
      isOpen={false}
      className="folds panel overflow-hidden"
      testId="plan-drift"
      summary={
        <summary className="px-4 py-2.5 font-medium text-sm">
          Changed outside of terraform <span className="quiet font-normal">{count}</span>
        </summary>
      }
      content={() => <Rows modules={[{ module: "", changes }]} isOpen={false} resultOf={noResult} />}
    />
  );
}

const noResult: ResultOf = () => undefined;
