/**
 * Small files on this machine's own disk, and what the kernel makes up (/proc, control groups): each call is done at once, in this thread,
 * under the names of `node:fs/promises`. To hand a system call to the pool of threads costs several times what the call takes, and a job
 * makes a thousand of them. Not for what may be large, what is synced, or what somebody else may have put a pipe in the place of.
 */
import {
  accessSync,
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";

type Path = string | Buffer;

export const access = async (path: Path, mode?: number): Promise<void> => accessSync(path, mode);
export const chmod = async (path: Path, mode: number): Promise<void> => chmodSync(path, mode);
export const lstat = async (path: Path): Promise<Stats> => lstatSync(path);
export const stat = async (path: Path): Promise<Stats> => statSync(path);
export const readlink = async (path: string): Promise<string> => readlinkSync(path);
export const realpath = async (path: string): Promise<string> => realpathSync.native(path);
export const rename = async (from: Path, to: Path): Promise<void> => renameSync(from, to);
export const symlink = async (target: string, path: string): Promise<void> => symlinkSync(target, path);

export const mkdir = async (path: string, options?: { recursive?: boolean; mode?: number }): Promise<void> => {
  mkdirSync(path, options);
};

/** Removes a file, if it is there. */
export const rm = async (path: Path): Promise<void> => rmSync(path, { force: true });

/** Makes a file for this user alone, if it is not there. */
export const touch = async (path: string): Promise<void> => closeSync(openSync(path, "a", 0o600));

export async function readFile(path: string): Promise<Buffer>;
export async function readFile(path: string, encoding: "utf8"): Promise<string>;
export async function readFile(path: string, encoding?: "utf8"): Promise<Buffer | string> {
  return encoding === undefined ? readFileSync(path) : readFileSync(path, encoding);
}

export async function readdir(path: string): Promise<readonly string[]>;
export async function readdir(path: Path, encoding: "buffer"): Promise<readonly Buffer[]>;
export async function readdir(path: Path, encoding?: "buffer"): Promise<readonly (string | Buffer)[]> {
  return encoding === undefined ? readdirSync(path) : readdirSync(path, encoding);
}

export const writeFile = async (
  path: string,
  content: string | Uint8Array,
  options: { mode: number; flag?: string },
): Promise<void> => writeFileSync(path, content, options);
