/** Lines that an address names, both included. */
export interface LineRange {
  readonly first: number;
  readonly last: number;
}

/** Reads `#L120` and `#L120-L140`, in either order. */
export function lineRangeOf(hash: string): LineRange | undefined {
  const found = /^#L([1-9]\d{0,8})(?:-L([1-9]\d{0,8}))?$/.exec(hash);
  if (found === null) return undefined;
  const [from, to] = [Number(found[1]), Number(found[2] ?? found[1])];
  return { first: Math.min(from, to), last: Math.max(from, to) };
}

export const hashOf = ({ first, last }: LineRange): string => (first === last ? `#L${first}` : `#L${first}-L${last}`);
