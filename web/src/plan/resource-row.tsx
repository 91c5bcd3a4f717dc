import type { ResourceChange } from "../../../src/gen/windlass/v1/run_pb.ts";
import { classes } from "../ui/class-names.ts";
import { kindOf, kindWords, reasonText } from "./actions.ts";
import { Attributes } from "./attributes.tsx";
import { Folded } from "./folded.tsx";

/** What became of a change in the apply. */
export interface ChangeResult {
  readonly text: string;
  readonly tone: "good" | "bad" | "wait";
  readonly detail: string;
}

interface ResourceRowProps {
  readonly change: ResourceChange;
  readonly isOpen: boolean;
  readonly result?: ChangeResult | undefined;
}

const resultLooks = { good: "text-success", bad: "text-error", wait: "text-warning" } as const;

/** One resource of a plan, with its attributes when it is opened. */
export function ResourceRow({ change, isOpen, result }: ResourceRowProps) {
  const { symbol, word, tone } = kindWords[kindOf(change)];
  const { address, module, previousAddress, importId, attributes, attributesLeftOut } = change;
  const own = module !== "" && address.startsWith(`${module}.`) ? address.slice(module.length + 1) : address;
  const reason = reasonText(change);
  const forcing = attributes.filter(({ forcesReplacement }) => forcesReplacement).map(({ path }) => path);
  return (
    <Folded
      isOpen={isOpen}
      className="group/row border-base-300 border-t first:border-t-0"
      testId="plan-resource"
      content={() => <Attributes attributes={attributes} leftOut={attributesLeftOut} />}
      summary={
        <summary className="flex list-none items-baseline gap-3 px-4 py-2 hover:bg-base-200 [&::-webkit-details-marker]:hidden">
          <span aria-hidden="true" className={classes("w-4 shrink-0 text-center font-bold font-mono", tone)}>
            {symbol}
          </span>
          <span className="min-w-0 grow">
            <span className="break-words font-mono text-sm">
              {own !== address && <span className="quiet">{module}.</span>}
              <span className="font-medium">{own}</span>
            </span>
            <span className="quiet ml-2 text-xs">
              {word}
              {reason !== "" && `: ${reason}`}
              {forcing.length > 0 && ` (${forcing.join(", ")})`}
            </span>
            {previousAddress !== "" && <Note text="moved from" value={previousAddress} />}
            {importId !== "" && <Note text="imported as" value={importId} />}
            {result !== undefined && result.detail !== "" && (
              <span className="quiet block text-xs">{result.detail}</span>
            )}
          </span>
          {result !== undefined && (
            <span className={classes("shrink-0 text-xs", resultLooks[result.tone])}>{result.text}</span>
          )}
          <span className="quiet shrink-0 text-xs">{attributes.length + attributesLeftOut || ""}</span>
        </summary>
      }
    />
  );
}

const Note = ({ text, value }: { readonly text: string; readonly value: string }) => (
  <span className="quiet block break-words text-xs">
    {text} <span className="font-mono">{value}</span>
  </span>
);
