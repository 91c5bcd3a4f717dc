import type { TfeAnswer } from "./answers.ts";
import type { TfeCall } from "./call.ts";

/** A request for the object that a signed URL names, in the name of whom the URL was made for. */
export interface ObjectCall extends TfeCall {
  /** As the URL has it: see `SignedObject`. */
  readonly id: string;
}

/** What can be done with one kind of objects. They call the use cases, which look at permissions once more. */
export interface ObjectAccess {
  readonly read?: ((call: ObjectCall) => Promise<TfeAnswer>) | undefined;
  readonly write?: ((call: ObjectCall) => Promise<TfeAnswer>) | undefined;
}
