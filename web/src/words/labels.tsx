/** Labels as chips, by name. */
export function Labels({
  labels,
  wraps = false,
}: {
  readonly labels: Readonly<Record<string, string>>;
  readonly wraps?: boolean;
}) {
  const pairs = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (pairs.length === 0) return <span className="quiet">–</span>;
  const text = pairs.map(([name, value]) => (value === "" ? name : `${name}=${value}`));
  return (
    <span className={wraps ? "flex flex-wrap gap-1" : "flex min-w-0 gap-1 overflow-hidden"} title={text.join(", ")}>
      {text.map((one) => (
        <span
          key={one}
          className="max-w-full shrink-0 truncate rounded-selector border border-base-300 px-1.5 font-mono text-xs"
        >
          {one}
        </span>
      ))}
    </span>
  );
}
