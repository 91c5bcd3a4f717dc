import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { readEnvironment } from "../../src/lib/environment.ts";

const { PATH = "", CI } = readEnvironment();

/** A program of a Debian package. */
export interface Found {
  /** Only valid inside of its `describe`. */
  readonly path: string;
  /** Skipped, and seen to be, where the program is missing. */
  readonly describe: typeof describe | typeof describe.skip;
}

/** Looks for a program on the PATH and where a distribution puts what only root starts. Missing in CI is a failure. */
export function found(program: string, debianPackage: string): Found {
  const path = [...PATH.split(":"), "/usr/sbin", "/usr/local/sbin"]
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, program))
    .find(isExecutable);
  if (path !== undefined) return { path, describe };
  if (CI) throw new Error(`${program} was not found, and CI must have it: apt-get install ${debianPackage}`);
  console.warn(`SKIPPED: tests with ${program}, because it was not found: apt-get install ${debianPackage}`);
  return { path: program, describe: describe.skip };
}

/** Tests of what not every machine lets its users do. Where CI does not, it fails. */
export function able(what: string, isAble: boolean, needs: string): Pick<Found, "describe"> {
  if (isAble) return { describe };
  if (CI) throw new Error(`${what} cannot be made here, and CI must be able to: they need ${needs}`);
  console.warn(`SKIPPED: tests with ${what}, because they need ${needs}`);
  return { describe: describe.skip };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
