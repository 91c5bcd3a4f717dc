import { useState } from "react";

/** Something that is tried, and may fail. */
export interface Attempt {
  readonly isBusy: boolean;
  readonly failure: { readonly error: unknown } | undefined;
  /** Tries it, and then does what follows; what it throws is kept to be shown. */
  run(call: () => Promise<unknown>, then: () => void): Promise<void>;
}

export function useAttempt(): Attempt {
  const [failure, setFailure] = useState<{ readonly error: unknown }>();
  const [isBusy, setIsBusy] = useState(false);
  const run = async (call: () => Promise<unknown>, then: () => void) => {
    setIsBusy(true);
    setFailure(undefined);
    try {
      await call();
      then();
    } catch (error) {
      setFailure({ error });
    } finally {
      setIsBusy(false);
    }
  };
  return { isBusy, failure, run };
}
