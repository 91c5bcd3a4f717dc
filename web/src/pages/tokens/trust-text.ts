/** Lines of a field, without those that are empty. */
export const linesIn = (text: string): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

export type ClaimsRead =
  | { readonly kind: "claims"; readonly claims: Readonly<Record<string, string>> }
  | { readonly kind: "mistake"; readonly why: string };

/** `NAME=VALUE` a line; a value may hold equals signs. */
export function claimsIn(text: string): ClaimsRead {
  const claims = new Map<string, string>();
  for (const line of linesIn(text)) {
    const at = line.indexOf("=");
    if (at <= 0) return { kind: "mistake", why: `${JSON.stringify(line)} is no NAME=VALUE` };
    const name = line.slice(0, at).trim();
    if (claims.has(name)) return { kind: "mistake", why: `${JSON.stringify(name)} stands there twice` };
    claims.set(name, line.slice(at + 1).trim());
  }
  return { kind: "claims", claims: Object.fromEntries(claims) };
}
