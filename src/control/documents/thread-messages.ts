import type { ErrorCode, FieldViolation } from "../../lib/words/errors.ts";
import type { Question } from "./questions.ts";

export interface ThreadRequest {
  readonly question: Question;
  /** In shared memory. */
  readonly documents: readonly Uint8Array[];
}

export type ThreadReply =
  | { readonly kind: "answer"; readonly answer: unknown }
  | {
      readonly kind: "refused";
      readonly code: ErrorCode;
      readonly message: string;
      readonly metadata: Readonly<Record<string, string>>;
      readonly fields: readonly FieldViolation[];
    }
  | { readonly kind: "failed"; readonly message: string };
