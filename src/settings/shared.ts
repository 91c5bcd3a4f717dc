import { choice, path, text } from "../lib/setting-schemas.ts";
import { settingsWith } from "../lib/settings.ts";

const { setting } = settingsWith("WINDLASS");

/** Where the log of a daemon goes. */
export const logSettings = {
  logLevel: setting(
    { flag: "log-level", about: "least important records", schema: choice("debug", "info", "warn", "error", "silent") },
    "info",
  ),
  logFormat: setting(
    {
      flag: "log-format",
      about: "form of the log; auto is pretty on a terminal, else json",
      schema: choice("auto", "json", "pretty"),
    },
    "auto",
  ),
};

/** How whoever calls a server checks that it is the right one, and shows who calls. */
export function tlsSettings(more: { readonly hasFileForm?: boolean } = {}) {
  const { optional } = settingsWith("WINDLASS", more);
  return {
    caFile: optional({
      flag: "ca-file",
      about: "trust the authorities in this file (PEM), and not the system's",
      schema: path("FILE"),
    }),
    certFile: optional({ flag: "cert-file", about: "show the server this certificate (PEM)", schema: path("FILE") }),
    keyFile: optional({ flag: "key-file", about: "the private key of --cert-file (PEM)", schema: path("FILE") }),
    serverName: optional({
      flag: "server-name",
      about: "expect this name in the server's certificate",
      schema: text("NAME"),
    }),
  };
}
