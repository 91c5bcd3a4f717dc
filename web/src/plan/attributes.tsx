import type { AttributeChange } from "../../../src/gen/windlass/v1/run_pb.ts";
import { classes } from "../ui/class-names.ts";
import { type DiffLine, valueDiff } from "./value-diff.ts";

/** The attributes that change, before and after. */
export function Attributes({
  attributes,
  leftOut,
}: {
  readonly attributes: readonly AttributeChange[];
  readonly leftOut: number;
}) {
  return (
    <div className="overflow-x-auto px-4 pt-1 pb-3 pl-11 font-mono text-xs leading-5">
      {attributes.map((attribute) => (
        <Attribute key={attribute.path} attribute={attribute} />
      ))}
      {leftOut > 0 && (
        <p className="quiet">… {leftOut.toLocaleString("en")} more attributes: the log of the plan has them.</p>
      )}
      {attributes.length === 0 && leftOut === 0 && <p className="quiet">No attribute changes.</p>}
    </div>
  );
}

function Attribute({ attribute }: { readonly attribute: AttributeChange }) {
  const diff = valueDiff(attribute);
  return (
    <div className="flex flex-wrap gap-x-2 py-0.5">
      <span className="font-semibold">{attribute.path}</span>
      {diff.kind === "words" ? (
        <span className="min-w-0">
          {diff.before !== "" && <del className="text-error no-underline [overflow-wrap:anywhere]">{diff.before}</del>}
          {diff.before !== "" && diff.after !== "" && <span className="quiet"> → </span>}
          {diff.after !== "" && <ins className="text-success no-underline [overflow-wrap:anywhere]">{diff.after}</ins>}
          {diff.before !== "" && diff.after === "" && <span className="quiet"> → null</span>}
        </span>
      ) : (
        diff.what !== "" && <span className="quiet">{diff.what}</span>
      )}
      {attribute.forcesReplacement && <span className="font-sans text-error text-xs">forces replacement</span>}
      {diff.kind === "lines" && <Lines lines={diff.lines} />}
    </div>
  );
}

const looks = { "+": "bg-success/10 text-success", "-": "bg-error/10 text-error", " ": "quiet" } as const;

function Lines({ lines }: { readonly lines: readonly DiffLine[] }) {
  return (
    <pre className="my-1 w-full rounded-field border border-base-300 py-1">
      {lines.map(({ sign, text }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines of one comparison never move
        <div key={index} className={classes("whitespace-pre-wrap px-2 [overflow-wrap:anywhere]", looks[sign])}>
          {sign} {text}
        </div>
      ))}
    </pre>
  );
}
