import type Database from "better-sqlite3";
import { WindlassError } from "../../lib/words/errors.ts";
import type { SeenRows } from "./seen-rows.ts";

type Connection = Database.Database;
type Prepared = Database.Statement<unknown[]>;

/** As many texts as all queries have, and more; the oldest goes first. */
const maxStatements = 500;

/**
 * The connection for a query builder, with each text prepared once: to prepare a query costs more than to run it. A
 * statement is told by its text alone, and whether it answers in lists is no state that two users of it share. With `reads`
 * those that would change something are refused.
 */
export function keepingStatements(connection: Connection, which: "all" | "reads", seen: SeenRows): Connection {
  const kept = new Map<string, KeptStatement>();
  const prepare = (text: string): KeptStatement => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    if (kept.size >= maxStatements) kept.delete(kept.keys().next().value ?? "");
    const made = new KeptStatement(connection, text, seen);
    if (which === "reads" && !made.isRead) throw new WindlassError("internal", "a read-only transaction cannot write");
    kept.set(text, made);
    return made;
  };
  return new Proxy(connection, {
    get: (target, name) => {
      if (name === "prepare") return prepare;
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** Quoted text and names, lists, and parameters elsewhere. */
const parts = /'[^']*'|"[^"]*"|\bin \(\?(?:, \?)*\)|\?/g;

/**
 * SQLite plans a question for the values that it is bound to, and so anew each time they are bound, which costs more than to answer
 * it. A subquery has no value before it is run. The row of an id needs no plan; lists would be made anew for each row.
 */
export const plannedOnce = (text: string): string =>
  text.startsWith("select") && !/ where "\w+"\."id" = \?$/.test(text)
    ? text.replace(parts, (part) => (part === "?" ? "(select ?)" : part))
    : text;

/** What the query builder asks of a statement. */
class KeptStatement {
  readonly #connection: Connection;
  readonly #text: string;
  readonly #planned: string;
  readonly #seen: SeenRows;
  readonly #plain: Prepared;
  #lists: Prepared | undefined;

  constructor(connection: Connection, text: string, seen: SeenRows) {
    this.#connection = connection;
    this.#text = text;
    this.#seen = seen;
    this.#planned = plannedOnce(text);
    this.#plain = connection.prepare(this.#planned);
  }

  get isRead(): boolean {
    return this.#plain.readonly;
  }

  run(...params: unknown[]) {
    this.#note();
    return this.#plain.run(...params);
  }

  all(...params: unknown[]) {
    this.#note();
    return this.#plain.all(...params);
  }

  get(...params: unknown[]) {
    this.#note();
    return this.#plain.get(...params);
  }

  /** The same statement with rows as lists of values. */
  raw(): Prepared {
    this.#note();
    this.#lists ??= this.#connection.prepare<unknown[]>(this.#planned).raw();
    return this.#lists;
  }

  #note(): void {
    if (!this.isRead) this.#seen.note(this.#text);
  }
}

/** Runs statements without parameters that are needed again and again, such as `BEGIN`. */
export function quickStatements(connection: Connection): (text: string) => void {
  const kept = new Map<string, Prepared>();
  return (text) => {
    const statement = kept.get(text) ?? connection.prepare(text);
    kept.set(text, statement);
    statement.run();
  };
}
