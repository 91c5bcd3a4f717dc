import { isStripped } from "../../terraform/configuration/configuration.ts";

/** Below `.terraform` lies what init makes anew; in terraform's directory, what the plan and the agent bring. */
export type Leaving = (path: string) => boolean;

/** What never goes with a plan. Paths are relative to the configuration's root; `workingDirectory` is "" for the root. */
export function outOfScope(workingDirectory: string, placed: readonly string[] = []): Leaving {
  const ours = new Set(placed);
  const start = workingDirectory === "" ? "" : `${workingDirectory}/`;
  return (path) => {
    if (path === ".terraform" || path.endsWith("/.terraform") || ours.has(path)) return true;
    if (!path.startsWith(start)) return false;
    const inside = path.slice(start.length);
    return isStripped(inside) || inside === ".terraform.lock.hcl";
  };
}

/** True for terraform's directory and those above it: they stay what they are. */
export const holdsWork = (path: string, workingDirectory: string): boolean =>
  path === workingDirectory || workingDirectory.startsWith(`${path}/`);
