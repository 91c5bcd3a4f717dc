import type { DescMessage, DescMethod, MessageInitShape } from "@bufbuild/protobuf";
import type { ErrorReason } from "../../src/gen/windlass/v1/error_reason_pb.ts";
import type { AgentSide, Place } from "./place.ts";
import type { ProgramName } from "./world.ts";

/** `OK`, or why the call is refused. */
export type Outcome = "OK" | Exclude<keyof typeof ErrorReason, "UNSPECIFIED">;

/** What a person's role must allow. */
export type Need = "nothing" | "read" | "plan" | "operate" | "own" | "administer_site";

/** Of what a request is made. */
export interface Ingredients {
  readonly place: Place;
  readonly agent: AgentSide;
}

interface Rule<Input extends DescMessage> {
  /** Who is let in: anybody at all, people, people and programs, or these programs only. */
  readonly admits: "anybody" | "people" | "everybody" | readonly ProgramName[];
  /** Default: nothing. */
  readonly needs?: Need;
  /**
   * What the request names: a thing, an organization, or neither. Things are looked for before the role is judged, unless
   * `judgedFirst`: then a role that does not allow the call hears so, whatever it names.
   */
  readonly names?: "thing" | "organization" | "nothing";
  readonly judgedFirst?: boolean;
  /** What those who may call it get, here. Default: OK. */
  readonly outcome?: Outcome;
  /** What some of them get instead. */
  readonly except?: Readonly<Partial<Record<string, Outcome>>>;
  /** One message, or those of a stream. */
  readonly request: (ingredients: Ingredients) => MessageInitShape<Input> | readonly MessageInitShape<Input>[];
}

/** One RPC of the matrix. */
export interface Row extends Rule<DescMessage> {
  readonly method: DescMethod;
}

/** Says who may call an RPC. */
export const row = <Input extends DescMessage>(
  method: DescMethod & { readonly input: Input },
  rule: Rule<Input>,
): Row => ({ method, ...rule }) as unknown as Row;
