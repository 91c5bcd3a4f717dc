import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

/**
 * Loaded into a server before its own code: at SIGUSR2 it writes how long its event loop was blocked at most since the last time, in
 * milliseconds, into the file that EVENT_LOOP_FILE names.
 */
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
process.on("SIGUSR2", () => {
  writeFileSync(`${process.env.EVENT_LOOP_FILE}`, `${delay.max / 1e6}\n`);
  delay.reset();
});
