import type { Scene } from "../support/scene.ts";
import { block } from "./blocks.ts";
import { found } from "./found.ts";
import { Front, freePort, openPlace, type Way, wayThrough } from "./front.ts";

export const stunnel = found("stunnel4", "stunnel4");

export interface Stunnel {
  readonly front: Front;
  readonly way: Way;
}

/** Starts stunnel with the documented block in front of a server. */
export async function openStunnel(scene: Scene, server: { readonly url: string }): Promise<Stunnel> {
  const place = await openPlace(scene, "stunnel");
  const port = await freePort();
  const service = await block("stunnel.conf", {
    "accept = 443": `accept = 127.0.0.1:${port}`,
    "127.0.0.1:7070": new URL(server.url).host,
    "/etc/stunnel/tf.example.com.pem": place.both,
  });
  const config = await place.write("stunnel.conf", `foreground = yes\npid =\n${service}`);
  const front = await Front.open(scene, { command: stunnel.path, args: [config], port });
  return { front, way: wayThrough(front, place) };
}
