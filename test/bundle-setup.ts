import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Vitest's global set-up: tests start the programs as users do, from a bundle of what lies here now. */
export function setup(): void {
  execFileSync(fileURLToPath(new URL("../scripts/bundle", import.meta.url)), {
    stdio: ["ignore", "inherit", "inherit"],
  });
}
