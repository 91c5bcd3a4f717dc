import type { Variable } from "../../../../src/gen/windlass/v1/variable_pb.ts";
import { countText } from "../../ui/format.ts";

/** A value on one line; a sensitive one never comes back from the server. */
export function VariableValue({
  variable: { value, sensitive },
}: {
  readonly variable: Pick<Variable, "value" | "sensitive">;
}) {
  if (sensitive) return <span className="quiet">sensitive: not shown</span>;
  if (value === "") return <span className="quiet">empty</span>;
  const lines = value.split("\n");
  return (
    <span className="block min-w-32 truncate font-mono text-xs" title={value.slice(0, 1000)}>
      {lines[0]}
      {lines.length > 1 && <span className="quiet font-sans"> and {countText(lines.length - 1, "more line")}</span>}
    </span>
  );
}
