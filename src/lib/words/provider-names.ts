/** What is wrong with a text, or the text as it is stored. */
export type Checked =
  | { readonly kind: "good"; readonly value: string }
  | { readonly kind: "bad"; readonly why: string };

const good = (value: string): Checked => ({ kind: "good", value });
const bad = (why: string): Checked => ({ kind: "bad", why });

const exampleHost = "registry.example.com or registry.example.com:9443";

/**
 * A host as terraform compares it: lower case, other scripts as `xn--…`, without the port 443. The rules are those of
 * `svchost.ForComparison`: no IPv6 address.
 */
export function checkHost(text: string): Checked {
  const got = JSON.stringify(text);
  if (/[/\\@?#\s]/.test(text))
    return bad(`expected a host only, such as ${exampleHost}, got ${got}: leave out https:// and the path`);
  if (text.startsWith("[") || text.split(":").length > 2)
    return bad(`expected a host such as ${exampleHost}, got ${got}: terraform takes no IPv6 address here, use a name`);
  const [name = "", port] = text.split(":");
  if (port !== undefined && !isPort(port)) return bad(`expected a port from 1 to 65535 after the colon, got ${got}`);
  const ascii = asciiName(name);
  if (ascii === undefined) return bad(`expected a host such as ${exampleHost}, got ${got}`);
  return good(port === undefined || Number(port) === 443 ? ascii : `${ascii}:${Number(port)}`);
}

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** The name in lower-case ASCII; undefined if it is none. */
function asciiName(name: string): string | undefined {
  const ascii = /[^\u0020-\u007e]/.test(name) ? URL.parse(`https://${name}/`)?.hostname : name.toLowerCase();
  return ascii?.length && ascii.length <= 253 && ascii.split(".").every((part) => label.test(part)) ? ascii : undefined;
}

/** The base URL of a network mirror, with a slash at its end. */
export function checkMirrorUrl(text: string): Checked {
  const url = URL.parse(text);
  if (!text.startsWith("https://") || url === null)
    return bad("expected a URL that begins with https://: terraform takes a network mirror no other way");
  if (url.username !== "" || url.password !== "")
    return bad("expected no user and password in the URL: give the mirror's host a token instead");
  if (url.search !== "" || url.hash !== "") return bad("expected no ? and no # in the URL of a mirror");
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return good(url.href);
}

/** A directory of the agent's machine, as an absolute path. */
export function checkMirrorPath(text: string): Checked {
  if (!text.startsWith("/"))
    return bad(`expected an absolute path such as /opt/providers, got ${JSON.stringify(text)}`);
  if (/\p{Cc}/u.test(text)) return bad("expected a path without control characters");
  const steps = text.split("/").filter((step) => step !== "" && step !== ".");
  if (steps.includes("..")) return bad(`expected a path without "..", got ${JSON.stringify(text)}`);
  if (steps.length === 0) return bad('expected a directory of providers, got "/"');
  return good(`/${steps.join("/")}`);
}

const part = /^[\p{L}\p{N}]+(-[\p{L}\p{N}]+)*$/u;

/**
 * A pattern of providers, under the rules of terraform's `include` and `exclude`: wildcards only for whole parts, from
 * the left.
 */
export function checkPattern(text: string): Checked {
  const parts = text.split("/");
  const [type = "", namespace = "", host] = parts.toReversed();
  const got = JSON.stringify(text);
  if (parts.length < 2 || parts.length > 3)
    return bad(`expected a pattern such as hashicorp/* or registry.example.com/*/*, got ${got}`);
  const wrong = [namespace, type].find((one) => one !== "*" && !part.test(one));
  if (wrong !== undefined)
    return bad(
      `expected names of letters, digits and single hyphens, or a whole *, got ${JSON.stringify(wrong)} in ${got}`,
    );
  if ((host === "*" && namespace !== "*") || (namespace === "*" && type !== "*"))
    return bad(`expected nothing but * behind a *, got ${got}: terraform takes */* and */*/*, not */random`);
  if (host === undefined || host === "*") return good(text);
  const checked = checkHost(host);
  return checked.kind === "good" ? good(`${checked.value}/${namespace}/${type}`) : checked;
}
