import { BlockList, isIP } from "node:net";

/** What is asked of a list of exceptions; the host without brackets. */
interface Host {
  readonly host: string;
  readonly port: number;
}

/**
 * The item of a `no_proxy` list that excepts this host; undefined if none does. Items stand between commas or blanks, empty
 * ones mean nothing, upper and lower case are the same:
 * `*`; a name, with or without `.` or `*.` before it, which stands for itself and all names below it, as with curl; a name
 * with `*` elsewhere; an IP address, IPv6 with or without brackets; a range in CIDR form. Names and addresses may have a
 * port. Names are not resolved: a range excepts only hosts that are given as addresses.
 */
export function exceptionFor({ host, port }: Host, list: string): string | undefined {
  const name = host.toLowerCase().replace(/\.$/, "");
  return list.split(/[\s,;]+/).find((item) => item !== "" && excepts(item.toLowerCase(), { host: name, port }));
}

function excepts(item: string, { host, port }: Host): boolean {
  const { pattern, itemPort } = parsed(item.replace(/^[a-z]+:\/\//, "").replace(/\/$/, ""));
  if (itemPort !== undefined && itemPort !== port) return false;
  if (pattern === "*") return true;
  if (pattern.includes("/")) return isInRange(host, pattern);
  if (isIP(pattern) !== 0) return isInRange(host, `${pattern}/${isIP(pattern) === 4 ? 32 : 128}`);
  return matchesName(host, pattern.replace(/^\*?\./, "").replace(/\.$/, ""));
}

/** Takes a port off, and brackets. */
function parsed(item: string): { readonly pattern: string; readonly itemPort: number | undefined } {
  const bracketed = /^\[([^\]]+)\](\/\d+)?(?::(\d+))?$/.exec(item);
  if (bracketed !== null) {
    const [, address = "", prefix = "", port] = bracketed;
    return { pattern: address + prefix, itemPort: port === undefined ? undefined : Number(port) };
  }
  const named = /^([^:]+):(\d+)$/.exec(item);
  if (named === null) return { pattern: item, itemPort: undefined };
  return { pattern: named[1] ?? "", itemPort: Number(named[2]) };
}

function isInRange(host: string, range: string): boolean {
  const [address = "", bits = ""] = range.split("/");
  const families = [isIP(address), isIP(host)];
  if (families.includes(0) || !/^\d+$/.test(bits) || Number(bits) > (families[0] === 4 ? 32 : 128)) return false;
  const [family, hostFamily] = families.map((version) => (version === 4 ? "ipv4" : "ipv6"));
  const list = new BlockList();
  list.addSubnet(address, Number(bits), family);
  return list.check(host, hostFamily);
}

function matchesName(host: string, pattern: string): boolean {
  if (pattern === "" || isIP(host) === 6) return false;
  if (!pattern.includes("*")) return host === pattern || (isIP(host) === 0 && host.endsWith(`.${pattern}`));
  const parts = pattern.split("*").map((part) => part.replace(/[^a-z0-9_-]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`).test(host);
}
