import { describe, expect, test } from "vitest";
import { startServer } from "../support/server-process.ts";
import { hasPython, pythonClient } from "./python.ts";

describe.skipIf(!hasPython)("Python with stubs generated from proto/", () => {
  test("a client lists the pools and speaks one whole agent session", async () => {
    await using server = await startServer();
    const said = await pythonClient({ script: "agent_session.py", url: server.url, apiKey: server.adminToken });
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
