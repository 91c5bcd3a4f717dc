import { pathPrefixOf } from "../../lib/net/path-prefix.ts";
import { addressesIn, addressesProblem, addressText, differentAddresses } from "../../lib/way/addresses.ts";
import { usageError } from "../problems/problem.ts";

const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * The address of a server, with the path below which it is reached if it has one, and no slash at its end; a missing
 * scheme is https, or http on this machine.
 */
export function normalAddress(given: string): string {
  const isBare = !/^[a-z][a-z0-9+.-]*:\/\//i.test(given);
  const url = parseUrl(isBare ? `https://${given}` : given, given);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw usageError(`an address begins with https:// or http://, not ${url.protocol}//`);
  }
  const prefix = pathPrefixOf(url.pathname);
  if (prefix === undefined || url.search !== "" || url.username !== "") {
    throw usageError(
      `an address is a host and perhaps a port and a path, for example https://tf.example.com, not ${given}`,
    );
  }
  return `${isBare && isLoopback(url) ? "http:" : url.protocol}//${url.host}${prefix}`;
}

/** The same for a list with commas between: all addresses of one control plane, each once. */
export function normalAddresses(given: string): string {
  const addresses = differentAddresses(addressesIn(given).map(normalAddress));
  const problem = addressesProblem(addresses);
  if (problem !== undefined) throw usageError(problem);
  return addressText(addresses);
}

/** True if the address never leaves this machine. */
export const isLoopbackAddress = (address: string): boolean => isLoopback(new URL(address));

const isLoopback = (url: URL): boolean => loopback.test(url.hostname);

function parseUrl(text: string, given: string): URL {
  const url = URL.parse(text);
  if (url === null) throw usageError(`"${given}" is not an address: expected for example https://tf.example.com`);
  return url;
}
