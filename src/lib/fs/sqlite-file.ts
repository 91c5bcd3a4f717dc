import Database from "better-sqlite3";

/** Names the file in what SQLite says of it: its own words are `file is not a database`. */
export function inSqliteFile<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof Database.SqliteError)) throw error;
    throw Object.assign(new Database.SqliteError(`${path}: ${error.message}`, error.code), { cause: error });
  }
}
