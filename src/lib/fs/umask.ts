let inherited: number | undefined;

/**
 * From now on what this process makes is its user's alone. What the mask was before is for programs that it starts for
 * others.
 */
export function makePrivate(): void {
  const before = process.umask(0o077);
  inherited ??= before;
}

/** The mask with which this process was started, as an argument of `umask`. */
export const inheritedUmask = (): string => (inherited ?? process.umask()).toString(8).padStart(4, "0");
