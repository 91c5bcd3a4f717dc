import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Scene } from "../support/scene.ts";
import { until } from "../support/until.ts";
import { block, type Replacements } from "./blocks.ts";
import { found } from "./found.ts";
import { Front, freePort, openPlace, type Way } from "./front.ts";

export const caddy = found("caddy", "caddy");

export interface Caddy {
  readonly front: Front;
  readonly way: Way;
}

/** Starts Caddy, which makes a certificate of its own for this address, with the documented block in front of a server. */
export async function openCaddy(
  scene: Scene,
  server: { readonly url: string },
  more: Replacements = {},
): Promise<Caddy> {
  const place = await openPlace(scene, "caddy");
  const port = await freePort();
  const site = await block("Caddyfile", {
    "tf.example.com": `https://localhost:${port}`,
    "127.0.0.1:7070": new URL(server.url).host,
    ...more,
  });
  const rest = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n\tgrace_period 1s\n}\n";
  const config = await place.write("Caddyfile", `${rest}import ${await place.write("windlass", site)}\n`);
  const args = ["run", "--config", config, "--adapter", "caddyfile"];
  const env = { HOME: place.directory, XDG_DATA_HOME: place.directory, XDG_CONFIG_HOME: place.directory };
  const front = await Front.open(scene, { command: caddy.path, args, env, port });
  const ca = join(place.directory, "caddy/pki/authorities/local/root.crt");
  await until("Caddy has made its authority", () => readFile(ca).catch(() => undefined));
  return { front, way: { url: `https://localhost:${port}`, env: { WINDLASS_CA_FILE: ca } } };
}
