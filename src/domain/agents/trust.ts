import { isRecord } from "../../lib/values/records.ts";

/** Which identities of an issuer may register agents: those whose OpenID Connect token has all of this. */
export interface IdentityTrust {
  /** As it stands in `iss`. */
  readonly issuer: string;
  readonly audience: string;
  /** One of them fits `sub`. */
  readonly subjects: readonly string[];
  /** By their names, or by JSON pointers. */
  readonly claims: Readonly<Record<string, string>>;
  /** In PEM; empty are those of the server. */
  readonly caCertificates: string;
  /** A JSON Web Key Set; empty: the issuer is asked for it. */
  readonly jwks: string;
}

const localHosts: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** True for an issuer on the server's own machine. */
export const isLocalIssuer = (issuer: string): boolean =>
  URL.canParse(issuer) && localHosts.has(new URL(issuer).hostname);

/** What is wrong with the URL of an issuer; undefined if nothing is. */
export function issuerProblem(issuer: string): string | undefined {
  if (!URL.canParse(issuer)) return "expected a URL such as https://oidc.example.com";
  const { protocol, username, password, search, hash } = new URL(issuer);
  if (protocol !== "https:" && !(protocol === "http:" && isLocalIssuer(issuer)))
    return "expected https: what comes without it anybody on the way may have written";
  if (username !== "" || password !== "" || search !== "" || hash !== "" || /[?#]$/.test(issuer))
    return "expected a URL without user, query and fragment";
  return undefined;
}

/** What is wrong with a pattern of subjects; undefined if nothing is. */
export function subjectProblem(pattern: string): string | undefined {
  return pattern.startsWith("*") ? `${pattern} would begin with anything: name at least what comes first` : undefined;
}

/** `*` stands for any characters but a colon; at the end, for any at all. */
export function fitsSubject(pattern: string, subject: string): boolean {
  const [wanted, parts] = [pattern.split(":"), subject.split(":")];
  const isLong = pattern.endsWith("*") ? parts.length >= wanted.length : parts.length === wanted.length;
  return isLong && wanted.every((part, index) => fitsPart(part, parts[index] ?? ""));
}

/** Looks for each text between the asterisks once, behind the one before it: nothing is ever tried again. */
function fitsPart(pattern: string, part: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return part === first;
  if (!part.startsWith(first)) return false;
  let at = first.length;
  for (const text of rest) {
    const found = part.indexOf(text, at);
    if (found < 0) return false;
    at = found + text.length;
  }
  return part.length >= at + last.length && part.endsWith(last);
}

/** Why a token whose signature is good is not of an identity that is trusted; undefined if it is. */
export function claimsProblem(
  { subjects, claims }: Pick<IdentityTrust, "subjects" | "claims">,
  payload: Readonly<Record<string, unknown>>,
): string | undefined {
  const { sub } = payload;
  if (typeof sub !== "string" || sub === "") return "it has no subject (sub)";
  if (!subjects.some((pattern) => fitsSubject(pattern, sub)))
    return `its subject is ${shown(sub)}: expected ${subjects.join(" or ")}`;
  for (const [name, wanted] of Object.entries(claims)) {
    const value = claimAt(payload, name);
    if (value !== wanted) return `its claim ${name} is ${shown(value)}: expected ${wanted}`;
  }
  return undefined;
}

function claimAt(payload: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const path = name.startsWith("/")
    ? name
        .slice(1)
        .split("/")
        .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    : [name];
  let value: unknown = payload;
  for (const part of path) value = isRecord(value) && Object.hasOwn(value, part) ? value[part] : undefined;
  return typeof value === "string"
    ? value
    : typeof value === "boolean" || typeof value === "number"
      ? String(value)
      : undefined;
}

const shown = (value: string | undefined): string =>
  value === undefined ? "absent" : JSON.stringify(value.slice(0, 200));
