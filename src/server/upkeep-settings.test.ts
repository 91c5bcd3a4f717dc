import { expect, test } from "vitest";
import { lastStates } from "../domain/people/retention.ts";
import { defaultsOf } from "../lib/settings.ts";
import { fewestKeptStates } from "../settings/kept-times.ts";
import { serverSettings } from "../settings/server.ts";
import { retentionOf } from "./upkeep-settings.ts";

test("the fewest states that the setting takes are those that the domain never deletes", () => {
  expect(fewestKeptStates).toBe(lastStates);
});

test("nothing is deleted that nobody asked to delete but agents that left and keys that ended", () => {
  const day = 24 * 3_600_000;
  expect(retentionOf(defaultsOf(serverSettings))).toEqual({
    runsMs: null,
    logsMs: null,
    configurationsMs: null,
    states: null,
    auditMs: null,
    exitedAgentsMs: day / 24,
    lostAgentsMs: 7 * day,
    endedKeysMs: 90 * day,
  });
});
