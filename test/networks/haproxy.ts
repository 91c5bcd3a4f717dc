import type { Scene } from "../support/scene.ts";
import { block, type Replacements } from "./blocks.ts";
import { found } from "./found.ts";
import { Front, type FrontPlace, freePort, openPlace, type Way, wayThrough } from "./front.ts";

export const haproxy = found("haproxy", "haproxy");

export interface Haproxy {
  readonly front: Front;
  readonly place: FrontPlace;
  readonly way: Way;
}

/** Starts HAProxy, which does TLS, with the documented block in front of a server, with more of it replaced. */
export async function openHaproxy(
  scene: Scene,
  server: { readonly url: string },
  more: Replacements = {},
): Promise<Haproxy> {
  const place = await openPlace(scene, "haproxy");
  const port = await freePort();
  const text = await block("haproxy.cfg", {
    "bind :443": `bind 127.0.0.1:${port}`,
    "/etc/haproxy/tf.example.com.pem": place.both,
    "127.0.0.1:7070": new URL(server.url).host,
    ...more,
  });
  const front = await started(scene, { place, port, text });
  return { front, place, way: wayThrough(front, place) };
}

/** Starts HAProxy with a block that lets TLS through to a server. */
export async function openPassthrough(
  scene: Scene,
  server: { readonly url: string },
  name: "haproxy-passthrough.cfg" | "haproxy-proxy-protocol.cfg",
  more: Replacements = {},
): Promise<Pick<Haproxy, "front" | "place">> {
  const place = await openPlace(scene, "haproxy");
  const port = await freePort();
  const text = await block(name, {
    "bind :443": `bind 127.0.0.1:${port}`,
    "10.0.0.5:7070": new URL(server.url).host,
    ...more,
  });
  return { front: await started(scene, { place, port, text }), place };
}

interface Started {
  readonly place: FrontPlace;
  readonly port: number;
  readonly text: string;
}

async function started(scene: Scene, { place, port, text }: Started): Promise<Front> {
  const config = await place.write("haproxy.cfg", text);
  return Front.open(scene, { command: haproxy.path, args: ["-db", "-f", config], port });
}
