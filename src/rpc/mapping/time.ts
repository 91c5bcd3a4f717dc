import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";

/** An instant on the wire; absent for one that has not come. */
export const toTime = (at: Date | null): Timestamp | undefined => (at === null ? undefined : timestampFromDate(at));

/** The instant that a request names; null for one that was left out. */
export const fromTime = (time: Timestamp | undefined): Date | null => (time === undefined ? null : timestampDate(time));
