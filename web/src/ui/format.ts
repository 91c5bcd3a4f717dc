import type { Duration, Timestamp } from "@bufbuild/protobuf/wkt";

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Undefined for what is absent, and for the zero of a clock: nothing of ours happened in 1970 or in the year 1. */
export function dateOf(time: Timestamp | undefined): Date | undefined {
  if (time === undefined || time.seconds <= 0n) return undefined;
  return new Date(Number(time.seconds) * secondMs + Math.floor(time.nanos / 1e6));
}

export const msOf = (duration: Duration | undefined): number | undefined =>
  duration === undefined ? undefined : Number(duration.seconds) * secondMs + duration.nanos / 1e6;

/** `850 ms`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`. */
export function durationText(ms: number): string {
  if (ms < secondMs) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < minuteMs) return `${Math.floor(ms / secondMs)} s`;
  const [unitMs, unit, partMs, part] =
    ms < hourMs
      ? ([minuteMs, "min", secondMs, "s"] as const)
      : ms < dayMs
        ? ([hourMs, "h", minuteMs, "min"] as const)
        : ([dayMs, "d", hourMs, "h"] as const);
  const rest = Math.floor((ms % unitMs) / partMs);
  return `${Math.floor(ms / unitMs)} ${unit}${rest > 0 ? ` ${rest} ${part}` : ""}`;
}

/** `just now`, `12 s ago`, `3 min ago`, `in 5 d`: one unit. */
export function relativeText(at: Date, now: Date): string {
  const ms = now.getTime() - at.getTime();
  if (Math.abs(ms) < 5 * secondMs) return "just now";
  const span = durationText(Math.abs(ms)).split(" ").slice(0, 2).join(" ");
  return ms > 0 ? `${span} ago` : `in ${span}`;
}

// Making a format takes longer than a hundred times of using it.
let absoluteFormat: Intl.DateTimeFormat | undefined;

/** The absolute time, in the reader's zone, with its offset. */
export function absoluteText(at: Date): string {
  absoluteFormat ??= new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  return absoluteFormat.format(at);
}

/** `512 B`, `1.5 KiB`, `20 MiB`. */
export function bytesText(bytes: number | bigint): string {
  let value = Number(bytes);
  if (value < 1024) return `${value} B`;
  for (const unit of ["KiB", "MiB", "GiB"]) {
    value /= 1024;
    if (value < 1024 || unit === "GiB") return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
  }
  return `${value}`;
}

export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** The beginning of an id, long enough to be told from others: `run_4cmtsg40`. */
export const shortId = (id: string): string => id.replace(/^([a-z]+_.{8}).*$/, "$1");
