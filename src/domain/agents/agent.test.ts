import { expect, test } from "vitest";
import { type AgentEvent, type AgentStatus, agentStatusAfter, isDeletable } from "./agent.ts";

const statuses: readonly AgentStatus[] = ["idle", "busy", "unknown", "errored", "exited"];
const events: Readonly<Record<string, AgentEvent>> = {
  "heard, no jobs": { kind: "heard", jobs: 0 },
  "heard, 1 job": { kind: "heard", jobs: 1 },
  "silent 44 s": { kind: "silent", forMs: 44_000 },
  "silent 45 s": { kind: "silent", forMs: 45_000 },
  "silent 5 min": { kind: "silent", forMs: 300_000 },
  "good-bye": { kind: "goodbye" },
};
const silence = { unknownMs: 45_000, erroredMs: 300_000 };

test("the status of an agent after every event", () => {
  const lines = statuses.flatMap((status) =>
    Object.entries(events).map(([name, event]) => `${status} + ${name} -> ${agentStatusAfter(status, event, silence)}`),
  );
  expect(`\n${lines.join("\n")}\n`).toMatchInlineSnapshot(`
    "
    idle + heard, no jobs -> idle
    idle + heard, 1 job -> busy
    idle + silent 44 s -> idle
    idle + silent 45 s -> unknown
    idle + silent 5 min -> errored
    idle + good-bye -> exited
    busy + heard, no jobs -> idle
    busy + heard, 1 job -> busy
    busy + silent 44 s -> busy
    busy + silent 45 s -> unknown
    busy + silent 5 min -> errored
    busy + good-bye -> exited
    unknown + heard, no jobs -> idle
    unknown + heard, 1 job -> busy
    unknown + silent 44 s -> unknown
    unknown + silent 45 s -> unknown
    unknown + silent 5 min -> errored
    unknown + good-bye -> exited
    errored + heard, no jobs -> idle
    errored + heard, 1 job -> busy
    errored + silent 44 s -> errored
    errored + silent 45 s -> errored
    errored + silent 5 min -> errored
    errored + good-bye -> exited
    exited + heard, no jobs -> idle
    exited + heard, 1 job -> busy
    exited + silent 44 s -> exited
    exited + silent 45 s -> exited
    exited + silent 5 min -> exited
    exited + good-bye -> exited
    "
  `);
});

test("an agent can be deleted unless it is idle or busy", () => {
  expect(statuses.filter(isDeletable)).toEqual(["unknown", "errored", "exited"]);
});
