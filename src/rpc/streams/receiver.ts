import type { HandlerContext } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { callerName } from "../calls/caller.ts";
import { UploadIntake } from "./intake.ts";
import type { Transfers } from "./transfers.ts";

/** Where the bytes of an upload go. */
export interface Receiver {
  readonly control: Control;
  readonly transfers: Transfers;
  readonly context: HandlerContext;
  /** Gives the memory back, once the upload is stored. */
  readonly held: DisposableStack;
}

/** What a part of an upload is, and how large it may be. */
export interface Announced {
  readonly what: string;
  readonly announced: bigint;
  readonly maxBytes: number;
  /** How memory is asked for, if not as for what is large. */
  readonly stepBytes?: number | undefined;
}

/** Memory for one part of an upload, taken as its bytes come and given back with the rest. */
export function intakeOf({ transfers, context, held }: Receiver, part: Announced): UploadIntake {
  const { memory } = transfers;
  return held.use(new UploadIntake({ ...part, memory, of: callerName(context.values), signal: context.signal }));
}
