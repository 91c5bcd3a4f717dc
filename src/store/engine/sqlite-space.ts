import type Database from "better-sqlite3";
import type { Space } from "./engine.ts";

const numberOf = (db: Database.Database, pragma: string): number => Number(db.pragma(pragma, { simple: true }));

/** Lets a new file give free pages back one by one. Must come first: a file that has anything in it stays as it was made. */
export function keepGivingBack(db: Database.Database): void {
  db.pragma("auto_vacuum = INCREMENTAL");
}

/** True for a file that gives pages back; those of older programs do so only after `windlassd gc --vacuum`. */
export const givesBack = (db: Database.Database): boolean => numberOf(db, "auto_vacuum") === 2;

/** What a file takes, its log of recent writes not counted. */
export function spaceOf(db: Database.Database): Space & { readonly freeBytes: number } {
  const pageBytes = numberOf(db, "page_size");
  return { bytes: pageBytes * numberOf(db, "page_count"), freeBytes: pageBytes * numberOf(db, "freelist_count") };
}

/** Gives back at most so many free pages, within the transaction that is open; true if more are left. */
export function freePages(db: Database.Database, pages: number): boolean {
  if (!givesBack(db)) return false;
  db.pragma(`incremental_vacuum(${pages})`);
  return numberOf(db, "freelist_count") > 0;
}
