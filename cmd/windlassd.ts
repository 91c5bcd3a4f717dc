#!/usr/bin/env node
import { startProgram } from "../src/lib/program/start.ts";

startProgram("windlassd", async () => {
  const { useCompileCache } = await import("../src/lib/program/compile-cache.ts");
  useCompileCache();
  const { main } = await import("../src/server/commands/main.ts");
  return main(process.argv.slice(2));
});
