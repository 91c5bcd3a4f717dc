import { AsyncLocalStorage } from "node:async_hooks";
import { WindlassError } from "../../lib/words/errors.ts";

/** Queries handed out for the time of one transaction: using them later throws. */
export interface Loan<Q extends object> {
  /** Runs the callback with the queries, and refuses a transaction begun inside it. */
  to<T>(run: (queries: Q) => Promise<T>): Promise<T>;
  /** Ends the loan. */
  end(): void;
}

interface Scope {
  isOpen: boolean;
}

const current = new AsyncLocalStorage<Scope>();

function guarded<T extends object>(target: T, scope: Scope): T {
  const nouns = new Map<PropertyKey, unknown>();
  return new Proxy(target, {
    get(from, key): unknown {
      if (!scope.isOpen) throw new WindlassError("internal", "a transaction's queries were used after it ended");
      const known = nouns.get(key);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(from, key);
      if (typeof value !== "object" || value === null) return value;
      const inner = guarded(value, scope);
      nouns.set(key, inner);
      return inner;
    },
  });
}

/**
 * Lends queries to one transaction. On PostgreSQL a transaction inside a transaction would wait for ever once every
 * connection waits for another, on SQLite at once: `refuseNested` is called before either is queued.
 */
export function lend<Q extends object>(queries: Q): Loan<Q> {
  const scope: Scope = { isOpen: true };
  const loaned = guarded(queries, scope);
  return {
    to: (run) => current.run(scope, () => run(loaned)),
    end: () => {
      scope.isOpen = false;
    },
  };
}

export function refuseNested(): void {
  if (current.getStore()?.isOpen) {
    throw new WindlassError("internal", "a transaction was begun inside another: use the queries it was given");
  }
}
