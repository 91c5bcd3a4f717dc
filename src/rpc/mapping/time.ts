import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";

/** An instant on the wire; absent for one that has not come. */
export const optionalTime = <Name extends string>(name: Name, at: Date | null): { readonly [N in Name]?: Timestamp } =>
  (at === null ? {} : { [name]: timestampFromDate(at) }) as { readonly [N in Name]?: Timestamp };
