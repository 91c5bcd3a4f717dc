import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";

const load = (name: string) => `await import(${JSON.stringify(new URL(name, import.meta.url).href)})`;

/** What a program sees that a process starts which got the descriptor 21 from this one. */
async function started(before: string): Promise<string> {
  const script = `
    const { spawnSync } = await import("node:child_process");
    ${before}
    process.stdout.write(spawnSync("ls", ["/proc/self/fd"], { encoding: "utf8" }).stdout.split("\\n").join(" "));
  `;
  const fd = openSync("/dev/null", "r");
  try {
    const stdio = ["ignore", "pipe", "inherit", ...Array<"ignore">(18).fill("ignore"), fd] as const;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: [...stdio] });
    return child.stdout === null ? "" : await text(child.stdout);
  } finally {
    closeSync(fd);
  }
}

test("programs that a process starts get nothing that its own parent left open", async () => {
  expect(await started("")).toContain(" 21 ");
  expect(await started(`(${load("./inherited-descriptors.ts")}).closeInherited();`)).not.toContain(" 21 ");
});
