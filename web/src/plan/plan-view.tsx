import type { OutputChange, ResourceChange } from "../../../src/gen/windlass/v1/run_pb.ts";
import { classes } from "../ui/class-names.ts";
import { ErrorNote } from "../ui/error-note.tsx";
import { countText } from "../ui/format.ts";
import { SearchBox } from "../ui/search-box.tsx";
import { useUrlState } from "../ui/url-state.ts";
import { changeKinds, kindOf, kindWords } from "./actions.ts";
import { Attributes } from "./attributes.tsx";
import { type ChangeGroup, groupsOf } from "./groups.ts";
import { type ChangeResult, ResourceRow } from "./resource-row.tsx";
import { type ReadPlan, usePlan } from "./use-plan.ts";

/** What became of the change of an address; undefined if that is not known, or there was no apply. */
export type ResultOf = (address: string) => ChangeResult | undefined;

/** Groups of more changes are closed at first: a browser lays out what is open. */
const openAtOnce = 60;
/** So many rows of a group are shown until somebody wants all. */
const rowsOfGroup = 500;

interface PlanViewProps {
  readonly runId: string;
  readonly resultOf: ResultOf;
}

/** What a plan would change: what destroys first. */
export function PlanView({ runId, resultOf }: PlanViewProps) {
  const plan = usePlan(runId);
  const [text, setText] = useUrlState("find");
  const [kind, setKind] = useUrlState("kind");
  if (plan.summary === undefined)
    return plan.error === undefined ? (
      <p className="quiet">{plan.isLoading ? "Reading the plan…" : ""}</p>
    ) : (
      <ErrorNote error={plan.error} what="The plan could not be read" />
    );
  const groups = groupsOf(plan.changes, { text, kind });
  const drift = groupsOf(plan.drift, { text, kind: "" });
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
        <p className="quiet">No change fits this filter.</p>
      )}
      {kind === "" && <Outputs outputs={plan.outputs} />}
      {drift.length > 0 && kind === "" && <Drift groups={drift} />}
      {plan.more !== undefined && (
        <button type="button" className="btn btn-sm" onClick={plan.more} data-testid="plan-more">
          Read on: {countText(plan.changes.length, "change")} so far
        </button>
      )}
      {plan.error !== undefined && (
        <ErrorNote error={plan.error} what="The rest of the plan could not be read" retry={plan.more} />
      )}
    </div>
  );
}

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
  const isDangerous = kind === "destroy" || kind === "replace";
  const isOpen = isDangerous || count <= openAtOnce;
  return (
    <details open={isOpen} className="folds panel overflow-hidden" data-testid={`plan-group-${kind}`}>
      <summary className="px-4 py-2.5 font-medium text-sm">
        <span className={tone}>{title}</span>
        <span className="quiet font-normal">{count.toLocaleString("en")}</span>
      </summary>
      <div className="border-base-300 border-t">
        {modules.map(({ module, changes }) => (
          <Module
            key={module}
            module={module}
            changes={changes}
            isNamed={modules.length > 1}
            isOpen={isDangerous && count <= openAtOnce}
            resultOf={resultOf}
          />
        ))}
      </div>
    </details>
  );
}

interface ModuleProps {
  readonly module: string;
  readonly changes: readonly ResourceChange[];
  readonly isNamed: boolean;
  readonly isOpen: boolean;
  readonly resultOf: ResultOf;
}

function Module({ module, changes, isNamed, isOpen, resultOf }: ModuleProps) {
  const shown = changes.slice(0, rowsOfGroup);
  const rest = changes.slice(rowsOfGroup);
  const row = (change: ResourceChange) => (
    <ResourceRow key={change.address} change={change} isOpen={isOpen} result={resultOf(change.address)} />
  );
  return (
    <>
      {isNamed && (
        <p className="quiet border-base-300 border-t bg-base-200 px-4 py-1 font-mono text-xs first:border-t-0">
          {module === "" ? "root module" : module}
        </p>
      )}
      {shown.map(row)}
      {rest.length > 0 && (
        <details className="folds border-base-300 border-t">
          <summary className="quiet px-4 py-2 text-sm">{countText(rest.length, "more change")}</summary>
          {rest.map(row)}
        </details>
      )}
    </>
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
  return (
    <details className="folds panel overflow-hidden" data-testid="plan-drift">
      <summary className="px-4 py-2.5 font-medium text-sm">
        Changed outside of terraform <span className="quiet font-normal">{count}</span>
      </summary>
      <div className="border-base-300 border-t">
        {groups.flatMap(({ modules }) =>
          modules.flatMap(({ changes }) =>
            changes.map((change) => <ResourceRow key={change.address} change={change} isOpen={false} />),
          ),
        )}
      </div>
    </details>
  );
}
