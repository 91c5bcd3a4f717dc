import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { useStage } from "../support/stage.ts";
import { hasPython, pythonClient } from "./python.ts";

describe.skipIf(!hasPython)("Python with stubs generated from proto/", () => {
  const stage = useStage();

  test("a client lists the pools and speaks one whole agent session", async () => {
    const { url, adminTokenFile } = stage.server;
    const apiKey = (await readFile(adminTokenFile, "utf8")).trim();
    const said = await pythonClient({ script: "agent_session.py", url, apiKey });
    expect(said).toEqual([
      { pools: ["py"] },
      { registered: expect.stringMatching(/^agent_/), pool: "py", protocol: 1 },
      { welcomed: 1 },
      { next_heartbeat_s: 10 },
      { offered: "hello", phase: "JOB_PHASE_PLAN", epoch: 1 },
      { archive_is_whole: true },
      { granted: true },
      { log_acknowledged: 20 },
      { sealed: true },
      { ended: "OK" },
      { run: "RUN_STATE_PLANNED_AND_FINISHED", log: "Grüße from Python\n", complete: true },
    ]);
  });
});
