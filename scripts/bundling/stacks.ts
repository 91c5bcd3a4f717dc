import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { resolve } from "node:path";

// Part of every program and thread of a bundle: its stacks name the lines of the source. Node's own way reads every map
// at the start; here one is read when a stack first asks for it.

const maps = new Map<string, SourceMap | undefined>();

function mapOf(path: string): SourceMap | undefined {
  if (!maps.has(path)) maps.set(path, readMap(`${path}.map`));
  return maps.get(path);
}

function readMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}

function inSource(site: NodeJS.CallSite): string {
  const text = String(site);
  const [path, line, column] = [site.getScriptNameOrSourceURL(), site.getLineNumber(), site.getColumnNumber()];
  if (line === null || column === null || !path?.startsWith(import.meta.dirname)) return text;
  const origin = mapOf(path)?.findOrigin(line, column);
  if (origin === undefined || !("fileName" in origin)) return text;
  const place = `${resolve(path, "..", origin.fileName)}:${origin.lineNumber}:${origin.columnNumber}`;
  return text.replace(`${path}:${line}:${column}`, place);
}

/** As Node has it. */
function head(error: Error): string {
  const code = "code" in error && String(error.code).startsWith("ERR_") ? ` [${error.code}]` : "";
  if (code === "") return Error.prototype.toString.call(error);
  return `${error.name}${code}: ${error.message}`;
}

Error.prepareStackTrace = (error, sites) =>
  [head(error), ...sites.map((site) => `    at ${inSource(site)}`)].join("\n");
