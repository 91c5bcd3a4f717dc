import { idFromCompact, isId, type RunId } from "../lib/words/ids.ts";
import type { WebAnswer } from "./answers.ts";

/**
 * Where the UI has what the terraform program prints and opens: `/app/acme/network/runs/run-…` is at `/o/acme/runs/run_…`.
 * Undefined for what is no such path.
 */
export function pageOfTfePath(path: string): string | undefined {
  const [root, app, organization = "", ...rest] = path.split("/").map(decoded);
  if (root !== "" || app !== "app" || organization === "" || organization === "settings") return undefined;
  const below = pathWithin(rest.filter((part) => part !== ""));
  return below === undefined ? undefined : `/${["o", organization, ...below].map(encodeURIComponent).join("/")}`;
}

/** `workspaces/network` and `network` are the same place. */
function pathWithin(parts: readonly string[]): readonly string[] | undefined {
  const [first, ...others] = parts;
  if (first === undefined) return [];
  const [workspace, ...rest] = first === "workspaces" ? others : parts;
  if (workspace === undefined) return ["ws"];
  const [part, id, ...more] = rest;
  if (part === undefined) return ["ws", workspace];
  if (more.length > 0) return undefined;
  if (part === "runs" && id !== undefined) {
    const run = runIdIn(id);
    return run === undefined ? undefined : ["runs", run];
  }
  return id === undefined && ["runs", "variables", "states", "settings"].includes(part)
    ? ["ws", workspace, part === "states" ? "state" : part]
    : undefined;
}

/** The id of a run as clients of the TFE API have it, or as this server does. */
function runIdIn(text: string): RunId | undefined {
  const [, suffix = ""] = /^run[-_](\w+)$/.exec(text) ?? [];
  const whole = `run_${suffix}`;
  return isId("run", whole) ? whole : idFromCompact("run", suffix);
}

/** What is not encoded as it should be leads nowhere. */
function decoded(part: string): string {
  try {
    const text = decodeURIComponent(part);
    return text === "." || text === ".." ? "" : text;
  } catch {
    return "";
  }
}

export const redirectTo = (page: string): WebAnswer => ({
  status: 302,
  headers: { location: page, "cache-control": "no-store", "referrer-policy": "same-origin" },
});
