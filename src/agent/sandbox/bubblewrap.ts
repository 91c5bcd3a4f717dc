import { lstatSync, readlinkSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join, sep } from "node:path";

/** A program to run in a sandbox of its own. */
export interface SandboxedProgram {
  readonly argv: readonly string[];
  /** The only directory that it shares with this machine and may write to. */
  readonly work: string;
  /** Where it sees that directory: the same path on every agent. */
  readonly place: string;
  /** Where it starts; a path as it sees it. */
  readonly cwd: string;
  /** What it may read beside the system: programs, mirrors of providers. Absent paths are passed over. */
  readonly readable: readonly string[];
}

/** What of /etc a program needs to resolve names, check certificates and know its user. Nothing here is secret. */
const etcNames = [
  "alternatives ca-certificates crypto-policies gai.conf gitconfig group host.conf hosts ld.so.cache ld.so.conf",
  "ld.so.conf.d localtime mime.types nsswitch.conf os-release passwd pki protocols resolv.conf services ssl",
  "ssh/ssh_config ssh/ssh_known_hosts timezone",
]
  .join(" ")
  .split(" ")
  .map((name) => join("/etc", name));

/** Where distributions keep programs outside of /usr. */
const elsewhere = ["/nix", "/run/current-system"];
const system = ["/usr", ...etcNames, ...elsewhere];

/**
 * The command that runs a program in bubblewrap: read-only system, own /tmp, /proc, /dev and process namespace, no
 * privileges, and of everything else only its work. Descriptor 3 gets the pid of the program itself: a signal to bubblewrap
 * would end everything at once. Everything in it ends with the program, and with the process that started it.
 */
export function bubblewrapArgv(bubblewrap: string, program: SandboxedProgram): readonly string[] {
  const { argv, work, place, cwd, readable } = program;
  return [
    bubblewrap,
    ...systemMounts(),
    ...["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/var", "--symlink", "/tmp", "/var/tmp"],
    ...readable.flatMap((path) => ["--ro-bind-try", path, path]),
    ...["--bind", work, place, "--remount-ro", "/", "--chdir", cwd],
    ...["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--as-pid-1", "--info-fd", "3"],
    ...["--", ...argv],
  ];
}

function systemMounts(): readonly string[] {
  const roots = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].flatMap((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return [];
    return found.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
  });
  return [
    "--ro-bind",
    "/usr",
    "/usr",
    ...roots,
    ...[...etcNames, ...elsewhere].flatMap((path) => ["--ro-bind-try", path, path]),
  ];
}

/**
 * The directories of a search path that a sandbox has to be shown, because the system's do not hold them. One that leads to
 * what must stay hidden, or holds it, is left out.
 */
export function searchedDirectories(searchPath: string, hidden: readonly string[]): readonly string[] {
  const wanted = searchPath.split(delimiter).filter((path) => isAbsolute(path) && path !== "/" && isDirectory(path));
  const isShown = (path: string) => system.some((root) => isWithin(path, root));
  const isHidden = (path: string) => hidden.some((secret) => isWithin(path, secret) || isWithin(secret, path));
  return [...new Set(wanted)].filter((path) => !isShown(path) && !isHidden(path));
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** True for a directory and what lies below it. */
export const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`);
