import type { Duration } from "@bufbuild/protobuf/wkt";
import { SelectField } from "../field.tsx";

/** How long a credential is good for. */
export type Expiry = "1d" | "7d" | "30d" | "90d" | "365d" | "never";

const options: readonly { readonly value: Expiry; readonly label: string }[] = [
  { value: "1d", label: "1 day" },
  { value: "7d", label: "7 days" },
  { value: "30d", label: "30 days" },
  { value: "90d", label: "90 days" },
  { value: "365d", label: "1 year" },
  { value: "never", label: "Never" },
];

/** Zero is for ever. */
export const expiryDuration = (expiry: Expiry): Pick<Duration, "seconds" | "nanos"> => ({
  seconds: expiry === "never" ? 0n : BigInt(Number.parseInt(expiry, 10)) * 86_400n,
  nanos: 0,
});

/** As a flag of the command line: `--expires 90d`. */
export const expiryFlag = (expiry: Expiry): string => `--expires ${expiry === "never" ? "0" : expiry}`;

interface ExpiryFieldProps {
  readonly value: Expiry;
  readonly onChange: (value: Expiry) => void;
  readonly testId: string;
}

export function ExpiryField({ value, onChange, testId }: ExpiryFieldProps) {
  const hint =
    value === "never" ? "A credential without an end has to be revoked by somebody who remembers it." : undefined;
  return (
    <SelectField label="Ends after" options={options} value={value} onChange={onChange} hint={hint} testId={testId} />
  );
}
