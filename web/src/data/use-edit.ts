import { useState } from "react";
import { changedFields, type Edits, type FormValues, maskPath, meanwhile, noEdits, typeOver } from "./edits.ts";
import { type Attempt, useAttempt } from "./use-attempt.ts";

/** A form over values of the server that may change meanwhile. */
export interface Edit<Values extends FormValues> extends Attempt {
  /** What the form shows. */
  readonly draft: Values;
  readonly changed: readonly (keyof Values & string)[];
  readonly isSaved: boolean;
  readonly change: (part: Partial<Values>) => void;
  readonly reset: () => void;
  /** What to say of a field that somebody else has changed since. */
  readonly told: (field: keyof Values & string) => string | undefined;
  /** Sends the changed fields, as paths of a field mask, with the etag of what was read last. */
  readonly save: (send: (paths: readonly string[], etag: string) => Promise<unknown>) => Promise<boolean>;
}

/** Keeps what was typed, whatever the server says; fields that nobody has touched follow the server. */
export function useEdit<Values extends FormValues>(values: Values, etag: string): Edit<Values> {
  const attempt = useAttempt();
  const [edits, setEdits] = useState<Edits<Values>>(noEdits);
  const [isSaved, setIsSaved] = useState(false);
  const changed = changedFields(edits, values);
  const change = (part: Partial<Values>) => {
    setIsSaved(false);
    setEdits((before) => typeOver(before, values, part));
  };
  const reset = () => {
    attempt.clear();
    setEdits(noEdits);
  };
  const told = (field: keyof Values & string) => {
    const other = meanwhile(edits, values, field);
    if (other === undefined) return undefined;
    return `Somebody has set it to “${Array.isArray(other) ? other.join(", ") : other}” since you began. Saving overwrites that.`;
  };
  const save: Edit<Values>["save"] = async (send) => {
    const hasSucceeded = await attempt.run(() => send(changed.map(maskPath), etag));
    if (hasSucceeded) setEdits(noEdits);
    setIsSaved(hasSucceeded);
    return hasSucceeded;
  };
  return { ...attempt, draft: { ...values, ...edits.typed }, changed, isSaved, change, reset, told, save };
}
