import type { Duration } from "@bufbuild/protobuf/wkt";

/** In milliseconds, rounded up: the shortest duration is not none. Null for one that was left out. */
export const fromDuration = (duration: Duration | undefined): number | null =>
  duration === undefined ? null : Number(duration.seconds) * 1_000 + Math.ceil(duration.nanos / 1_000_000);
