import type { Scene } from "../support/scene.ts";
import { block, type Replacements } from "./blocks.ts";
import { found } from "./found.ts";
import { Front, type FrontPlace, freePort, isRoot, openPlace, type Way, wayThrough } from "./front.ts";

export const apache = found("apache2", "apache2");

export interface Apache {
  readonly front: Front;
  readonly way: Way;
}

const modules = ["mpm_event", "authz_core", "ssl", "socache_shmcb", "http2", "proxy", "proxy_http2"];

/** Starts Apache with the documented block in front of a server, with more of it replaced. */
export async function openApache(
  scene: Scene,
  server: { readonly url: string },
  more: Replacements = {},
): Promise<Apache> {
  const place = await openPlace(scene, "apache");
  const port = await freePort();
  const site = await block("apache.conf", {
    "*:443": `127.0.0.1:${port}`,
    "/etc/apache2/tf.example.com.crt": place.cert,
    "/etc/apache2/tf.example.com.key": place.key,
    "127.0.0.1:7070": new URL(server.url).host,
    ...more,
  });
  const config = await place.write("apache2.conf", rest(place, port, await place.write("windlass.conf", site)));
  const front = await Front.open(scene, { command: apache.path, args: ["-DFOREGROUND", "-f", config], port });
  return { front, way: wayThrough(front, place) };
}

/** What a distribution has around the block of a server. */
const rest = ({ directory }: FrontPlace, port: number, site: string): string =>
  [
    ...modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
    `ServerRoot ${directory}`,
    `PidFile ${directory}/pid`,
    `DefaultRuntimeDir ${directory}`,
    `ErrorLog ${directory}/error.log`,
    "ServerName localhost",
    ...(isRoot ? ["User www-data", "Group www-data"] : []),
    "GracefulShutdownTimeout 1",
    `Listen 127.0.0.1:${port}`,
    `Include ${site}`,
    "",
  ].join("\n");
