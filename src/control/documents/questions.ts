import type { StateInstance } from "../../domain/workspaces/state-difference.ts";
import type { FinishedResource, LostResource } from "../../lib/words/lost-resources.ts";
import type { DocumentPart, Excerpt } from "./limits.ts";
import type { PlanContents } from "./plan-summary.ts";
import type { DifferenceRow } from "./state-changes.ts";
import type { StateContent } from "./state-file.ts";
import type { StateOutput } from "./state-outputs.ts";
import type { StateName } from "./state-name.ts";
import type { SerialPlace } from "./state-serial.ts";
import type { StateSummary } from "./state-summary.ts";
import type { TypedOutput, TypedOutputs } from "./typed-outputs.ts";

/** An instance as it is listed: without its attributes. */
export type ListedInstance = Omit<StateInstance, "attributes">;

/** What can be asked of one document, or of two. Ids are for messages. */
export type Question =
  /** Of a state that a person pushes. */
  | { readonly kind: "pushed-state" }
  /** Of a state that an apply has written. */
  | { readonly kind: "applied-state" }
  | ({ readonly kind: "outputs"; readonly id: string } & DocumentPart)
  | ({ readonly kind: "instances"; readonly id: string; readonly search: string } & DocumentPart)
  /** How a state has these instances; those that it does not have are left out. */
  | { readonly kind: "instance-status"; readonly id: string; readonly addresses: readonly string[] }
  /** What of these finished changes a state does not have. */
  | {
      readonly kind: "lost-resources";
      readonly id: string;
      readonly finished: readonly FinishedResource[];
      readonly isFromBefore: boolean;
    }
  | ({ readonly kind: "difference"; readonly ids: readonly [string, string] } & DocumentPart)
  | { readonly kind: "serial-place" }
  /** Which lineage and serial a state itself says, and where. */
  | { readonly kind: "state-name" }
  | { readonly kind: "state-summary"; readonly id: string }
  /** Outputs with their types, and with the values of sensitive ones. */
  | { readonly kind: "typed-outputs"; readonly id: string; readonly offset: number; readonly limit: number }
  | { readonly kind: "typed-output"; readonly id: string; readonly key: string }
  /** A state with its outputs and nothing else. */
  | { readonly kind: "outputs-only" }
  | ({ readonly kind: "plan"; readonly id: string } & DocumentPart)
  /** Whether a plan summary can be shown: why not, or nothing. */
  | { readonly kind: "plan-problem" };

interface Answers {
  "pushed-state": StateContent;
  "applied-state": StateContent;
  outputs: Excerpt<StateOutput>;
  /** With how many there are of all. */
  instances: Excerpt<ListedInstance> & { readonly total: number };
  "instance-status": Readonly<Record<string, "present" | "tainted">>;
  "lost-resources": readonly LostResource[];
  difference: Excerpt<DifferenceRow>;
  "serial-place": SerialPlace | "encrypted";
  "state-name": StateName | null;
  "state-summary": StateSummary;
  "typed-outputs": TypedOutputs;
  "typed-output": TypedOutput | null;
  "outputs-only": Uint8Array;
  plan: PlanContents;
  "plan-problem": string;
}

/** What is answered to a question. */
export type Answer<Q extends Question> = Answers[Q["kind"]];
