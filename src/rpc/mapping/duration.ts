import { type Duration, durationMs } from "@bufbuild/protobuf/wkt";

/** In milliseconds, rounded up: the shortest duration is not none. Null for one that was left out. */
export const fromDuration = (duration: Duration | undefined): number | null =>
  duration === undefined ? null : durationMs(duration) + (duration.nanos % 1_000_000 === 0 ? 0 : 1);
