import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";

const units = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
] as const;

/** A span of time in its two greatest units: `2m13s`, `3d4h`, `0s`. */
export function spanText(ms: number): string {
  let rest = Math.max(0, Math.floor(ms / 1000));
  const parts: string[] = [];
  for (const [unit, seconds] of units) {
    const count = Math.floor(rest / seconds);
    rest %= seconds;
    if (count > 0 || parts.length > 0) parts.push(`${count}${unit}`);
  }
  const shown = parts.slice(0, 2).filter((part) => !part.startsWith("0"));
  return shown.length === 0 ? "0s" : shown.join("");
}

/** How long ago something happened; empty if it has not. */
export const ageText = (time: Timestamp | undefined, now: Date): string =>
  time === undefined ? "" : spanText(now.getTime() - millis(time));

/** How long something took; empty if it has not ended. */
export const spanBetween = (from: Timestamp | undefined, to: Timestamp | undefined): string =>
  from === undefined || to === undefined ? "" : spanText(millis(to) - millis(from));

/** `in 3d` or `3d ago`; empty if there is no such time. */
export function whenText(time: Timestamp | undefined, now: Date): string {
  if (time === undefined) return "";
  const ms = millis(time) - now.getTime();
  return ms >= 0 ? `in ${spanText(rounded(ms))}` : `${spanText(-ms)} ago`;
}

/** What was to be in 30 days a moment ago is not in 29 days and 23 hours. */
function rounded(ms: number): number {
  const unitMs = ms > 86_400_000 - 1_800_000 ? 3_600_000 : ms > 3_600_000 - 30_000 ? 60_000 : 1_000;
  return Math.round(ms / unitMs) * unitMs;
}

/** A duration as `2m13s`; empty if absent. */
export const durationText = (duration: Duration | undefined): string =>
  duration === undefined ? "" : spanText(Number(duration.seconds) * 1000);

/** A time in the form of RFC 3339, to the second; empty if absent. */
export const timeText = (time: Timestamp | undefined): string =>
  time === undefined ? "" : new Date(millis(time)).toISOString().replace(/\.\d+Z$/, "Z");

const millis = ({ seconds, nanos }: Timestamp): number => Number(seconds) * 1000 + nanos / 1e6;

/** `1.3 MB`: bytes in powers of 1000. */
export function bytesText(bytes: number | bigint): string {
  const names = ["B", "kB", "MB", "GB"];
  let amount = Number(bytes);
  let index = 0;
  while (amount >= 1000 && index < names.length - 1) {
    amount /= 1000;
    index += 1;
  }
  return `${index === 0 ? amount : amount.toFixed(1)} ${names[index]}`;
}
