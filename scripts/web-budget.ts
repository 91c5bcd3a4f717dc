// Fails when a page of the UI in dist/web is larger than the budget: all that a browser loads for it, compressed.
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

const root = resolve(import.meta.dirname, "../dist/web");
const budgets = { JavaScript: 200_000, CSS: 15_000 };

/** A piece of the build, as Vite's manifest has it. */
interface Piece {
  readonly file: string;
  readonly css?: readonly string[];
  readonly imports?: readonly string[];
  readonly isEntry?: boolean;
  readonly isDynamicEntry?: boolean;
}

const manifest: Readonly<Record<string, Piece>> = JSON.parse(readFileSync(join(root, ".vite/manifest.json"), "utf8"));
const entry = Object.keys(manifest).find((name) => manifest[name]?.isEntry === true) ?? "";

/** The files that come with a piece, its imports' included. */
function filesOf(name: string, seen: Set<string> = new Set()): ReadonlySet<string> {
  const piece = manifest[name];
  if (piece === undefined || seen.has(piece.file)) return seen;
  seen.add(piece.file);
  for (const file of piece.css ?? []) seen.add(file);
  for (const each of piece.imports ?? []) filesOf(each, seen);
  return seen;
}

const sizeOf = (file: string): number => gzipSync(readFileSync(join(root, file)), { level: 9 }).length;

function sizes(page: string): Readonly<Record<keyof typeof budgets, number>> {
  const files = [...new Set([...filesOf(entry), ...filesOf(page)])];
  const sum = (ending: string) =>
    files.filter((file) => file.endsWith(ending)).reduce((bytes, file) => bytes + sizeOf(file), 0);
  return { JavaScript: sum(".js"), CSS: sum(".css") };
}

const pages = Object.keys(manifest).filter((name) => manifest[name]?.isDynamicEntry === true);
if (entry === "" || pages.length === 0) throw new Error("dist/web has no manifest with an entry and pages");
for (const [what, budget] of [["JavaScript", budgets.JavaScript] as const, ["CSS", budgets.CSS] as const]) {
  const [largest = { page: "", bytes: 0 }] = pages
    .map((page) => ({ page, bytes: sizes(page)[what] }))
    .sort((a, b) => b.bytes - a.bytes);
  const verdict = largest.bytes <= budget ? "within" : "OVER";
  console.log(`${what}: ${largest.bytes} bytes for ${largest.page}, ${verdict} the budget of ${budget}`);
  if (verdict === "OVER") process.exitCode = 1;
}
