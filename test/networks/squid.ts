import { spawnSync } from "node:child_process";
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { selfSigned } from "../support/certificate.ts";
import type { Scene } from "../support/scene.ts";
import { block } from "./blocks.ts";
import { found } from "./found.ts";
import { Front, type FrontPlace, freePort, isRoot, openPlace } from "./front.ts";
import { hostsFile, serverName } from "./hosts.ts";

/** Of squid-openssl: the package squid cannot look into TLS. */
export const squid = found("squid", "squid-openssl");

export interface Squid {
  readonly front: Front;
  readonly place: FrontPlace;
  /** With this user and password in it. */
  url(user?: string, password?: string): string;
}

/** Who may go through it. */
const account: Readonly<Record<"user" | "password", string>> = { user: "windlass", password: "right-7" };

/** Starts squid with the documented block, which lets those who have a password through to one port. */
export async function openSquid(scene: Scene, allowedPort: string): Promise<Squid> {
  const place = await openPlace(scene, "squid");
  const passwords = await place.write("passwords", `${account.user}:${hashed(account.password)}\n`);
  const port = await freePort();
  const text = await block("squid.conf", {
    "http_port 3128": `http_port 127.0.0.1:${port}`,
    "/etc/squid/passwords": passwords,
    "443 7070": allowedPort,
  });
  return started(scene, { place, port, text });
}

/**
 * Starts a squid that looks into every TLS connection, but for those that the documented block excepts; `ca` is the
 * file of the servers' authority.
 */
export async function openInspection(
  scene: Scene,
  { exceptedName, ca }: { readonly exceptedName: string; readonly ca: string },
): Promise<Squid> {
  const place = await openPlace(scene, "squid");
  const port = await freePort();
  // With the server's own name what it signs would look as if it signed itself.
  const inspection = selfSigned(new Date(), "an inspection");
  const database = join(place.directory, "certificates");
  const generate = ["/usr/lib/squid/security_file_certgen", "-s", database, "-M", "4MB"];
  await chmod(place.directory, 0o777);
  ran([...generate, "-c"]);
  const rest = [
    `http_port 127.0.0.1:${port} ssl-bump tls-cert=${await place.write("inspection.pem", inspection.cert + inspection.key)} generate-host-certificates=on`,
    `sslcrtd_program ${generate.join(" ")}`,
    `tls_outgoing_options cafile=${await place.write("server-ca.pem", await readFile(ca, "utf8"))}`,
    // The server is called by its address, and has another name in its certificate.
    "sslproxy_cert_error allow all",
    // Else it imitates that the server's certificate signs itself.
    "sslproxy_cert_sign signTrusted all",
    "http_access allow all",
  ];
  const except = await block("squid-inspection.conf", { "tf.example.com": exceptedName });
  return started(scene, { place, port, text: `${rest.join("\n")}\n${except}` });
}

interface Started {
  readonly place: FrontPlace;
  readonly port: number;
  readonly text: string;
}

async function started(scene: Scene, { place, port, text }: Started): Promise<Squid> {
  const { directory } = place;
  await chmod(directory, 0o777);
  const rest = ["pid_filename none", "cache_log stdio:/dev/stderr", `access_log stdio:${directory}/access.log`];
  const own = [
    ...rest,
    `coredump_dir ${directory}`,
    "visible_hostname localhost",
    "shutdown_lifetime 0 seconds",
    "pinger_enable off",
    `hosts_file ${await hostsFile(directory, `127.0.0.1 ${serverName}`)}`,
    "",
  ];
  const config = await place.write("squid.conf", own.join("\n") + text);
  const front = await Front.open(scene, { ...asUser([squid.path, "-N", "-f", config]), port });
  const url = (user = account.user, password = account.password) => {
    const who = user === "" ? "" : `${user}:${encodeURIComponent(password)}@`;
    return `http://${who}127.0.0.1:${port}`;
  };
  return { front, place, url };
}

/** Squid refuses to be root. */
function asUser([command = "", ...args]: readonly string[]): { readonly command: string; readonly args: string[] } {
  if (!isRoot) return { command, args };
  return { command: "setpriv", args: ["--reuid=proxy", "--regid=proxy", "--clear-groups", command, ...args] };
}

function ran(call: readonly string[]): string {
  const { command, args } = asUser(call);
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${call.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}

function hashed(password: string): string {
  return ran(["openssl", "passwd", "-apr1", password]).trim();
}
