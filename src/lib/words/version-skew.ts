/** How many minor versions an agent or a client may be behind its server. */
export const minorsBehind = 2;

export interface Skew {
  /** `same`: all of it but the patch; `fits`: promised to work; `old` and `new`: it may work, and nobody promises. */
  readonly kind: "same" | "fits" | "old" | "new" | "unknown";
  /** What to do; empty if nothing. */
  readonly fix: string;
}

const nothingToDo = { fix: "" } as const;

/**
 * How the version of a program goes with that of its server. A server takes agents and clients of its own minor version and of
 * the two before; servers are brought to a new version first. docs/versions.md has the table.
 */
export function skewOf(program: string, server: string): Skew {
  const [own, theirs] = [numbersOf(program), numbersOf(server)];
  if (own === undefined || theirs === undefined) return { kind: "unknown", ...nothingToDo };
  if (own.major !== theirs.major) {
    return own.major < theirs.major
      ? { kind: "old", fix: `update it to ${server}` }
      : { kind: "new", fix: `update the server to ${program} first` };
  }
  const behind = theirs.minor - own.minor;
  if (behind === 0) return { kind: "same", ...nothingToDo };
  if (behind < 0) return { kind: "new", fix: `update the server to ${program} first` };
  return behind <= minorsBehind ? { kind: "fits", ...nothingToDo } : { kind: "old", fix: `update it to ${server}` };
}

function numbersOf(version: string): { readonly major: number; readonly minor: number } | undefined {
  const [, major, minor] = /^v?(\d+)\.(\d+)\.\d+(?:[-+].*)?$/.exec(version) ?? [];
  return major === undefined || minor === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}
