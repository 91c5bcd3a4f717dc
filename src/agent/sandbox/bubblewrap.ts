import { lstatSync, readlinkSync, statSync } from "node:fs";
import { delimiter, isAbsolute, join, sep } from "node:path";

const prlimit = "/usr/bin/prlimit";

/**
 * What only newer versions of bubblewrap have, or what does not work everywhere: two options, and a program that sets
 * limits.
 */
export const bubblewrapExtras = ["--disable-userns", "--size", prlimit] as const;
export type BubblewrapExtra = (typeof bubblewrapExtras)[number];

/** The bubblewrap of this machine. */
export interface Bubblewrap {
  readonly program: string;
  /** What of the extras works here. */
  readonly extras: readonly BubblewrapExtra[];
}

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
  /** What it may read at another path than this machine has it at. */
  readonly moved?: readonly { readonly path: string; readonly at: string }[] | undefined;
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

/** What files in memory may take, in /tmp and in /dev/shm each: without a bound that is half of the machine's memory. */
const memoryFileBytes = 2 ** 30;

/**
 * Processes and threads of one sandbox: the kernel counts them for each user namespace, so that this does not bound the
 * agent's user. It bounds nobody who is root. A shell would do it everywhere, but shells handle SIGINT, which is for
 * the program alone.
 */
const processLimit = [prlimit, "--nproc=8192"];

/**
 * The command that runs a program in bubblewrap: read-only system, own /tmp, /proc, /dev and process namespace, no
 * privileges, and of everything else only its work. Descriptor 3 gets the pid of the program itself: a signal to bubblewrap
 * would end everything at once. Everything in it ends with the program, and with the process that started it.
 */
export function bubblewrapArgv(bubblewrap: Bubblewrap, program: SandboxedProgram): readonly string[] {
  const { argv, work, place, cwd, readable, moved = [] } = program;
  return [
    bubblewrap.program,
    ...systemMounts(),
    ...["--proc", "/proc", "--dev", "/dev", ...tmpfs(bubblewrap, "/dev/shm"), "--remount-ro", "/dev"],
    ...[...tmpfs(bubblewrap, "/tmp"), "--dir", "/var", "--symlink", "/tmp", "/var/tmp"],
    ...readable.flatMap((path) => ["--ro-bind-try", path, path]),
    ...moved.flatMap(({ path, at }) => ["--ro-bind-try", path, at]),
    ...["--bind", work, place, "--remount-ro", "/", "--chdir", cwd],
    ...(bubblewrap.extras.includes("--disable-userns") ? ["--disable-userns"] : []),
    ...["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...["--cap-drop", "ALL", "--die-with-parent", "--new-session", "--as-pid-1", "--info-fd", "3"],
    ...["--", ...(bubblewrap.extras.includes(prlimit) ? processLimit : []), ...argv],
  ];
}

const tmpfs = ({ extras }: Bubblewrap, path: string): readonly string[] => [
  ...(extras.includes("--size") ? ["--size", String(memoryFileBytes)] : []),
  ...["--tmpfs", path],
];

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

/** What this user may not look at, a job need not see either. */
function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** True for a directory and what lies below it. */
export const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory.endsWith(sep) ? directory : `${directory}${sep}`);
