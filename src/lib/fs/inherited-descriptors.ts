import { closeSync, readdirSync, readFileSync } from "node:fs";

/** O_CLOEXEC in the octal flags of /proc. */
const closeOnExec = 0o2000000;
const firstOther = 3;

/**
 * Closes the descriptors that the parent left open in this process: each program that it starts would inherit them too.
 * They are told by being passed on, which what Node and its libraries open never is. Answers what was closed.
 */
export function closeInherited(): readonly number[] {
  const numbers = descriptors().filter((fd) => fd >= firstOther && isPassedOn(fd));
  for (const fd of numbers) closeSync(fd);
  return numbers;
}

function descriptors(): readonly number[] {
  try {
    return readdirSync("/proc/self/fd").map(Number);
  } catch {
    return [];
  }
}

function isPassedOn(fd: number): boolean {
  try {
    const [, flags] = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? [];
    return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0;
  } catch {
    // The descriptor with which the directory was read.
    return false;
  }
}
