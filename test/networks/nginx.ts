import type { Scene } from "../support/scene.ts";
import { block, type Replacements } from "./blocks.ts";
import { found } from "./found.ts";
import { Front, type FrontPlace, freePort, isRoot, openPlace, type Way, wayThrough } from "./front.ts";

export const nginx = found("nginx", "nginx");

export interface Nginx {
  readonly front: Front;
  readonly place: FrontPlace;
  readonly way: Way;
}

/** Starts nginx with the documented block in front of a server, with more of it replaced. */
export async function openNginx(
  scene: Scene,
  server: { readonly url: string },
  more: Replacements = {},
): Promise<Nginx> {
  const place = await openPlace(scene, "nginx");
  const port = await freePort();
  const site = await block("nginx.conf", {
    "listen 443": `listen 127.0.0.1:${port}`,
    "/etc/nginx/tf.example.com.crt": place.cert,
    "/etc/nginx/tf.example.com.key": place.key,
    "127.0.0.1:7070": new URL(server.url).host,
    ...more,
  });
  const front = await Front.open(scene, { command: nginx.path, args: await nginxArgs(place, site), port });
  return { front, place, way: wayThrough(front, place) };
}

/** What nginx is called with, to serve a site. */
export async function nginxArgs(place: FrontPlace, site: string): Promise<readonly string[]> {
  const config = await place.write("nginx.conf", rest(place, await place.write("windlass.conf", site)));
  return ["-p", place.directory, "-e", "stderr", "-c", config];
}

/** What a distribution has around the block of a server. */
const rest = ({ directory }: FrontPlace, site: string): string =>
  [
    "daemon off;",
    `pid ${directory}/pid;`,
    isRoot ? "user root;" : "",
    "worker_processes 1;",
    "worker_shutdown_timeout 100ms;",
    "events {}",
    "http {",
    `access_log ${directory}/access.log;`,
    ...["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${directory}/${kind};`),
    `include ${site};`,
    "}",
    "",
  ].join("\n");
