import type { Duration } from "@bufbuild/protobuf/wkt";
import { SelectField } from "../field.tsx";

/** How long a replaced credential goes on, as a flag of the command line. */
export type Overlap = "0" | "1h" | "24h" | "168h";

const options: readonly { readonly value: Overlap; readonly label: string }[] = [
  { value: "0", label: "Ends at once" },
  { value: "1h", label: "1 hour" },
  { value: "24h", label: "1 day" },
  { value: "168h", label: "7 days" },
];

export const overlapDuration = (overlap: Overlap): Pick<Duration, "seconds" | "nanos"> => ({
  seconds: BigInt(Number.parseInt(overlap, 10)) * 3600n,
  nanos: 0,
});

export function OverlapField({
  value,
  onChange,
}: {
  readonly value: Overlap;
  readonly onChange: (value: Overlap) => void;
}) {
  return (
    <SelectField label="The old one goes on for" options={options} value={value} onChange={onChange} testId="overlap" />
  );
}
