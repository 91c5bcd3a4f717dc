#!/usr/bin/env node
import { startProgram } from "../src/lib/program/start.ts";

startProgram("windlass-agent", async () => {
  const { hideToken } = await import("../src/agent/program/hide-token.ts");
  hideToken();
  const { useCompileCache } = await import("../src/lib/program/compile-cache.ts");
  useCompileCache();
  const { main } = await import("../src/agent/program/main.ts");
  return main(process.argv.slice(2));
});
