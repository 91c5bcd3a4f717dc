#!/usr/bin/env node
import { checkNodeVersion } from "../src/lib/node-version.ts";

const check = checkNodeVersion();
if (check.kind === "too-old") {
  process.stderr.write(`${check.message}\n`);
  process.exitCode = 1;
} else {
  const [{ main }, { processIo }] = await Promise.all([import("../src/cli/main.ts"), import("../src/cli/process-io.ts")]);
  using io = processIo();
  process.exitCode = await main(io);
}
