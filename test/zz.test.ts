import { writeFileSync } from "node:fs";
import { test, beforeAll } from "vitest";
import { RunPhase } from "../src/gen/windlass/v1/run_pb.ts";
import { useStage } from "./support/stage.ts";
const stage = useStage();
let pool = "";
  beforeAll(async () => {
    pool = await stage.server.api.pool();
    await stage.scene.agent(stage.server, { pool });
  });
test("x", async () => {
    const { api } = stage.server;
    const workspace = await api.workspace({ agentPool: pool });
    const directory = await stage.scene.configuration("noisy");
    await api.upload(workspace, directory);
    const id = await api.start(workspace, {autoApply: true});
    const run = await api.ended(id, {deadlineMs: 100000});
    const { text, missingBytes } = await api.log(run.id, RunPhase.APPLY);
    const lines = text.split("\n");
    console.log(text.length, String(run.apply?.logBytes), run.apply?.logComplete, missingBytes, lines.length, text.slice(-300));
    let n = 0;
    for (const line of lines) { const m = /local-exec\): line (\d+): the quick brown fox jumps over the lazy dog$/.exec(line); if (m) { n++; if (Number(m[1]) !== n) { console.log("JUMP", line, n); n = Number(m[1]); } } else console.log("ODD", line.slice(0, 200)); }
    writeFileSync(`/tmp/noisy-${process.pid}.log`, text);
  console.log(stage.scene.report());
});
