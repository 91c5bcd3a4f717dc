import { forwardedHeaders } from "../http/forwarded.ts";
import type { ProxyTrust } from "../http/listener.ts";
import { networks, noNetworks } from "../lib/net/networks.ts";
import { pathPrefix } from "../lib/net/path-prefix.ts";
import { choice, flag } from "../lib/setting-schemas.ts";
import { optionalSetting, type SettingValues, setting } from "../lib/settings.ts";
import { StartError } from "./start-error.ts";

/** Who is believed about where calls come from: settings of windlassd. */
export const proxySettings = {
  trustedProxies: optionalSetting({
    about:
      "addresses and networks of proxies that are believed about who calls (X-Forwarded-For, Forwarded), such as 10.0.0.0/8,::1; nobody else is",
    flag: "trusted-proxies",
    env: "WINDLASS_TRUSTED_PROXIES",
    schema: networks(),
  }),
  forwardedHeader: setting(
    {
      about:
        "header in which the trusted proxies say who calls: x-forwarded-for, forwarded, or auto (Forwarded where there is no X-Forwarded-For)",
      flag: "forwarded-header",
      env: "WINDLASS_FORWARDED_HEADER",
      schema: choice(...forwardedHeaders),
    },
    "auto",
  ),
  proxyProtocol: setting(
    {
      about:
        "connections of the trusted proxies begin with a PROXY protocol header, version 1 or 2, or are refused; those of others never do",
      flag: "proxy-protocol",
      env: "WINDLASS_PROXY_PROTOCOL",
      schema: flag(),
    },
    false,
  ),
  pathPrefix: optionalSetting({
    about:
      "path below which a proxy serves this server and which it passes on, such as /windlass for https://host/windlass",
    flag: "path-prefix",
    env: "WINDLASS_PATH_PREFIX",
    schema: pathPrefix(),
  }),
} as const;

/** Throws a `StartError` for settings that contradict each other. */
export function trustOf(settings: Omit<SettingValues<typeof proxySettings>, "pathPrefix">): ProxyTrust {
  const { trustedProxies: proxies = noNetworks, forwardedHeader: header, proxyProtocol: hasProxyProtocol } = settings;
  if (hasProxyProtocol && proxies.texts.length === 0)
    throw new StartError(
      2,
      "--proxy-protocol believes trusted proxies only: name their addresses with --trusted-proxies, such as 10.0.0.0/8",
    );
  return { proxies, header, hasProxyProtocol };
}
