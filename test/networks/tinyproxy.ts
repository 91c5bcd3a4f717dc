import type { Scene } from "../support/scene.ts";
import { found } from "./found.ts";
import { Front, freePort, openPlace } from "./front.ts";
import { hostsFile, serverName, withHosts } from "./hosts.ts";

export const tinyproxy = found("tinyproxy", "tinyproxy");

export interface Tinyproxy {
  readonly front: Front;
  /** With this user and password in it. */
  url(user?: string, password?: string): string;
}

/** Starts tinyproxy, which lets those who have a password through to one port. */
export async function openTinyproxy(scene: Scene, allowedPort: string): Promise<Tinyproxy> {
  const place = await openPlace(scene, "tinyproxy");
  const port = await freePort();
  const config = await place.write(
    "tinyproxy.conf",
    [`Port ${port}`, "Listen 127.0.0.1", "Timeout 3600", "LogLevel Info", "MaxClients 50"]
      .concat("BasicAuth windlass right-7", `ConnectPort ${allowedPort}`, "")
      .join("\n"),
  );
  const front = await Front.open(scene, {
    ...withHosts(await hostsFile(place.directory, `127.0.0.1 ${serverName}`), [tinyproxy.path, "-d", "-c", config]),
    port,
  });
  const url = (user = "windlass", password = "right-7") => `http://${user}:${password}@127.0.0.1:${port}`;
  return { front, url };
}
