import { BlockList, isIP } from "node:net";
import { parsed, type SettingSchema, written } from "../setting-schemas.ts";

/** A set of IP addresses. */
export interface Networks {
  /** As they were given: `10.0.0.0/8`, `::1`. */
  readonly texts: readonly string[];
  /** False for what is no IP address. */
  has(address: string): boolean;
}

export const noNetworks: Networks = { texts: [], has: () => false };

/** An address as it is shown and compared: without the IPv6 form of an IPv4 address, and without a zone. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "");

/** Addresses and networks separated by commas; undefined if one of them is none. */
export function networksOf(texts: readonly string[]): Networks | undefined {
  const blocks = new BlockList();
  for (const text of texts) if (!add(blocks, text)) return undefined;
  return {
    texts,
    has: (given) => {
      const address = plainAddress(given);
      const family = familyOf(address);
      return family !== undefined && blocks.check(address, family);
    },
  };
}

/** `10.0.0.0/8,192.168.1.7,fd00::/8`. */
export const networks = (): SettingSchema<Networks> =>
  written(
    parsed(
      "addresses and networks such as 10.0.0.0/8,192.168.1.7,fd00::/8",
      (text) => {
        const texts = text
          .split(",")
          .map((one) => one.trim())
          .filter((one) => one !== "");
        return texts.length === 0 ? undefined : networksOf(texts);
      },
      "NETWORK,NETWORK",
    ),
    ({ texts }) => texts.join(","),
  );

function add(blocks: BlockList, text: string): boolean {
  const [, given = "", prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = plainAddress(given);
  const family = given.includes("%") ? undefined : familyOf(address);
  const mostBits = family === "ipv4" ? 32 : 128;
  const bits = prefix === undefined ? mostBits : Number(prefix);
  if (family === undefined || bits > mostBits) return false;
  blocks.addSubnet(address, bits, family);
  return true;
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? "ipv4" : "ipv6";
}
