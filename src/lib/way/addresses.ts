import { parsed, type SettingSchema, written } from "../setting-schemas.ts";
import { isLoopback, type ServerAddress, serverAddress } from "./server-address.ts";

/** Most addresses that a program takes: more of them stand behind one name, or a load balancer. */
export const maxAddresses = 16;

/** Addresses separated by commas, blanks or lines. Empty ones do not count, nor does one that is there already. */
export const addressesIn = (text: string): readonly string[] => [
  ...new Set(text.split(/[\s,]+/).filter((one) => one !== "")),
];

/** The addresses as one text. */
export const addressText = (addresses: readonly string[]): string => addresses.join(",");

/** Those that lead to different places: `https://a` and `https://A:443/` are one. What is no address stays. */
export function differentAddresses(addresses: readonly string[]): readonly string[] {
  const first = new Map<string, string>();
  for (const one of addresses) {
    const server = serverAddress(one);
    const key = server === undefined ? one : keyOf(server);
    if (!first.has(key)) first.set(key, one);
  }
  return [...first.values()];
}

const keyOf = ({ isSecure, authority, prefix }: ServerAddress): string => `${isSecure} ${authority}${prefix}`;

/**
 * Why these cannot be the addresses of one control plane; undefined if they can. Plain text beside TLS is refused, but for
 * this machine itself: chance would decide whether the token travels in the clear.
 */
export function addressesProblem(addresses: readonly string[]): string | undefined {
  if (addresses.length === 0) return "expected an address such as https://tf.example.com, got none";
  if (addresses.length > maxAddresses)
    return `expected at most ${maxAddresses} addresses, got ${addresses.length}: give one DNS name that has them all, or a load balancer`;
  const bad = addresses.find((one) => serverAddress(one) === undefined);
  if (bad !== undefined) return `expected an address such as https://tf.example.com, got ${bad}`;
  const isSecure = addresses.some((one) => serverAddress(one)?.isSecure);
  const clear = addresses.find((one) => isInTheClear(one));
  return isSecure && clear !== undefined
    ? `expected all addresses with https://, got ${clear} beside them: the token would travel in the clear`
    : undefined;
}

function isInTheClear(address: string): boolean {
  const server = serverAddress(address);
  return server !== undefined && !server.isSecure && !isLoopback(server.host);
}

/** The same as one text. */
export const addressList = (): SettingSchema<string> => ({
  ...addresses(),
  read: (text) => (addressesIn(text).length === 0 ? undefined : text),
  write: String,
});

/** Addresses of one control plane; whether they are some is judged where the rest of the way is known. */
export const addresses = (): SettingSchema<readonly string[]> => ({
  ...written(
    parsed(
      "addresses such as https://tf1.example.com,https://tf2.example.com",
      (text) => {
        const found = addressesIn(text);
        return found.length === 0 ? undefined : found;
      },
      "URL,URL",
    ),
    addressText,
  ),
  isRepeatable: true,
});
