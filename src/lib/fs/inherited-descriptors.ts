import { closeSync, readdirSync, readFileSync } from "node:fs";

/** O_CLOEXEC in the octal flags of /proc. */
const closeOnExec = 0o2000000;
const firstOther = 3;

/**
 * Closes what whoever started this process left open in it: every program that it starts would get that too. What Node
 * and its libraries have opened is never passed on, which tells the two apart. Answers what was closed.
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
