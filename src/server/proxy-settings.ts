import type { ProxyTrust } from "../http/listener.ts";
import { noNetworks } from "../lib/net/networks.ts";
import type { ServerSettings } from "./settings.ts";
import { StartError } from "./start-error.ts";

/** Throws a `StartError` for settings that contradict each other. */
export function trustOf(
  settings: Pick<ServerSettings, "trustedProxies" | "forwardedHeader" | "proxyProtocol">,
): ProxyTrust {
  const { trustedProxies: proxies = noNetworks, forwardedHeader: header, proxyProtocol: hasProxyProtocol } = settings;
  if (hasProxyProtocol && proxies.texts.length === 0)
    throw new StartError(
      2,
      "--proxy-protocol believes trusted proxies only: name their addresses with --trusted-proxies, such as 10.0.0.0/8",
    );
  return { proxies, header, hasProxyProtocol };
}
