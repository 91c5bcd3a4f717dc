import { existsSync } from "node:fs";
import { configDefaults, defineConfig } from "vitest/config";

const postgresSetup = "test/postgres-setup.ts";

// `scripts/test --quick` leaves out what takes long and has a shorter test of the same rules beside it.
const isQuick = process.env.WINDLASS_TESTS === "quick";
const long = ["clocks", "database", "disk-full", "restarts", "suspended"].map((name) => `test/faults/${name}.test.ts`);
const longStories = [
  ...["agent-routing", "backup", "engine-download", "full-disk", "gc", "large-runs", "observability", "rotate-key"],
  ...["run-management", "server-commands", "state-management", "store-crash", "variable-sets", "workspace-cli"],
].map((name) => `test/${name}.test.ts`);

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "cmd/**/*.test.ts", "scripts/**/*.test.ts", "test/**/*.test.ts"],
    exclude: [...configDefaults.exclude, ...(isQuick ? [...long, ...longStories] : [])],
    globalSetup: existsSync(new URL(postgresSetup, import.meta.url)) ? [postgresSetup] : [],
    // Forks, because tests open native databases and send signals.
    pool: "forks",
    // Process tests wait more than they compute.
    maxWorkers: 2,
    // Other work on a shared machine can make a process test late once; twice is a fault.
    retry: process.env.CI === undefined ? 0 : 1,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    restoreMocks: true,
  },
});
