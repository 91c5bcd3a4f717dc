import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { hasOwnGroup, identify } from "./process-identity.ts";

test("a group is its leader's as long as somebody of it is there, and nobody's whose leader only has the same number", async () => {
  const leader = spawn("/bin/sh", ["-c", "sleep 60 & echo started; read -r _"], {
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
  });
  await once(leader.stdout, "data");
  const identity = await identify(leader.pid ?? 0);
  const other = { ...identity, startTicks: (identity.startTicks ?? 0) + 1 };
  expect([await hasOwnGroup(identity), await hasOwnGroup(other)]).toEqual([true, false]);
  leader.stdin.end();
  await once(leader, "exit");
  expect(await hasOwnGroup(identity)).toBe(true);
  process.kill(-identity.pid, "SIGKILL");
});
