/** The oldest Node that runs these programs: older ones crash inside better-sqlite3 or cannot parse the source. */
export const minimumNodeMajor = 24;

/** Whether this Node can run the programs. */
export type NodeVersionCheck = { readonly kind: "ok" } | { readonly kind: "too-old"; readonly message: string };

/**
 * To be called by a program before it imports anything else (this file imports nothing, and avoids new syntax):
 * other modules may not even parse on an older Node.
 */
export function checkNodeVersion(version: string = process.versions.node): NodeVersionCheck {
  const major = Number.parseInt(version, 10);
  if (major >= minimumNodeMajor) return { kind: "ok" };
  const message =
    `Node ${minimumNodeMajor} or newer is needed, and this is Node ${version}. ` +
    "Start the programs with `npm run` or `npx` after `npm ci`, which brings the right Node, or install it.";
  return { kind: "too-old", message };
}
