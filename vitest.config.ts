import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.ts";

export default defineConfig({
  test: {
    include: [
      "src/**/*.test.ts",
      "web/src/**/*.test.ts",
      "cmd/**/*.test.ts",
      "scripts/**/*.test.ts",
      "test/**/*.test.ts",
    ],
    globalSetup: ["test/bundle-setup.ts", "test/postgres-setup.ts"],
    // Forks, because tests open native databases and send signals.
    pool: "forks",
    // On two processors: process tests wait for more than half of their time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    // Other work on a shared machine can make a process test late once; twice is a fault.
    retry: process.env.CI === undefined ? 0 : 1,
    testTimeout: 30_000,
    // A second, which is the default, is short for a machine with other work.
    expect: { poll: { timeout: 15_000 } },
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    restoreMocks: true,
  },
});
