import { spawnSync } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { Scene } from "../support/scene.ts";
import { found } from "./found.ts";
import { Front, type FrontPlace, freePort, isRoot, openPlace, type Way } from "./front.ts";

export const sshd = found("sshd", "openssh-server");
const ssh = found("ssh", "openssh-client");
const keygen = found("ssh-keygen", "openssh-client");

export interface Tunnel {
  /** The sshd on the server's machine, and the ssh on the agent's. */
  readonly sshd: Front;
  readonly front: Front;
  readonly way: Way;
}

/** Starts sshd, and the documented ssh, which lets programs reach a server through it. */
export async function openTunnel(scene: Scene, server: { readonly url: string }): Promise<Tunnel> {
  const place = await openPlace(scene, "ssh");
  for (const key of ["host", "user"]) makeKey(place, key);
  await copyFile(join(place.directory, "user.pub"), join(place.directory, "authorized"));
  const [far, port] = [await freePort(), await freePort()];
  const daemon = await Front.open(scene, { ...daemonCall(await daemonConfig(place, far)), port: far });
  const args = ["-N", "-L", `127.0.0.1:${port}:${new URL(server.url).host}`, ...clientOptions(place, far), "127.0.0.1"];
  const front = await Front.open(scene, { command: ssh.path, args, port });
  return { sshd: daemon, front, way: { url: `http://127.0.0.1:${port}`, env: {} } };
}

function makeKey({ directory }: FrontPlace, name: string): void {
  const { status, stderr } = spawnSync(keygen.path, ["-q", "-t", "ed25519", "-N", "", "-f", join(directory, name)]);
  if (status !== 0) throw new Error(`ssh-keygen failed: ${stderr}`);
}

const daemonConfig = ({ directory, write }: FrontPlace, port: number): Promise<string> =>
  write(
    "sshd_config",
    [
      ...[`Port ${port}`, "ListenAddress 127.0.0.1", `HostKey ${directory}/host`, "PidFile none"],
      ...[`AuthorizedKeysFile ${directory}/authorized`, "StrictModes no", "UsePAM no", "PermitRootLogin yes", ""],
    ].join("\n"),
  );

/** As root it wants a directory of its own below /run, which only it has here. */
function daemonCall(config: string): { readonly command: string; readonly args: readonly string[] } {
  const call = [sshd.path, "-D", "-e", "-f", config];
  if (!isRoot) return { command: call[0] ?? "", args: call.slice(1) };
  const own = 'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "$@"';
  return { command: "unshare", args: ["--mount", "sh", "-c", own, "sh", ...call] };
}

const clientOptions = ({ directory }: FrontPlace, port: number): readonly string[] => [
  ...["-F", "none", "-p", `${port}`, "-i", join(directory, "user"), "-l", userInfo().username],
  ...["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", `UserKnownHostsFile=${directory}/known`],
  ...["-o", "ExitOnForwardFailure=yes"],
];
