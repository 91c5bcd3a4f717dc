import { appendFileSync } from "node:fs";
const lines: string[] = [];
export const T = (label: string): void => { lines.push(`${(performance.timeOrigin + performance.now()).toFixed(3)} ${label}`); };
setInterval(() => { if (lines.length) appendFileSync(`/tmp/trace.${process.pid}`, lines.splice(0).join("\n") + "\n"); }, 500).unref();
