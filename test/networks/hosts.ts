import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freshName } from "../support/api.ts";
import { isRoot } from "./front.ts";

/** What only forward proxies of tests can resolve: loopback addresses are reached without them. */
export const serverName = "server.windlass.test";

/** A mount namespace, in which `/etc/hosts` is another file. */
const apart = { command: "unshare", args: ["--mount", ...(isRoot ? [] : ["--user", "--map-root-user"])] };

/** False where a program cannot be given names of its own. */
export const canHaveHosts = spawnSync(apart.command, [...apart.args, "true"]).status === 0;
if (!canHaveHosts)
  console.warn("SKIPPED: tests with names of their own, because this user may not have another /etc/hosts");

/** Writes lines as they stand in `/etc/hosts`, and answers the path. */
export async function hostsFile(directory: string, ...lines: readonly string[]): Promise<string> {
  const path = join(directory, freshName("hosts"));
  await writeFile(path, `127.0.0.1 localhost\n${lines.join("\n")}\n`);
  return path;
}

const bound = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';

/** The call of a program that has a file in the place of another one of this machine. */
export const withFile = (file: string, place: string, call: readonly string[]) => ({
  command: apart.command,
  args: [...apart.args, "sh", "-c", bound, "sh", file, place, ...call],
});

/** The call of a program that has this file as its `/etc/hosts`. */
export const withHosts = (hosts: string, call: readonly string[]) => withFile(hosts, "/etc/hosts", call);
