/** Names that somebody typed, separated by commas, spaces or lines; each once. */
export const splitNames = (text: string): ReadonlySet<string> =>
  new Set(text.split(/[\s,]+/).filter((name) => name !== ""));
