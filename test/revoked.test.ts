import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RunPhase, RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { freshName } from "./support/api.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const stage = useStage();

test("a token revoked in mid-apply: its agent is ended and started again, finishes the apply, and leaves with code 4", async () => {
  const { scene, server } = stage;
  const { api } = server;
  const pool = await api.pool();
  const { id: token, secret } = await api.token(pool);
  const name = freshName("agent");
  const tokenFile = join(scene.directory, `${name}.token`);
  await writeFile(tokenFile, secret, { mode: 0o600 });
  const call = [
    ...["--address", server.url, "--token-file", tokenFile, "--name", name, "--data-dir", join(scene.directory, name)],
    ...["--sandbox", "none", "--min-free-disk", "1MiB", "--disk-reserve", "1MiB", "--log-format", "json"],
  ];
  const agent = scene.start("windlass-agent", call);
  const workspace = await api.workspace({ agentPool: pool });
  await api.upload(workspace, await scene.configuration("slow"));
  const variables = [{ key: "seconds", value: "6", hcl: true }];
  const id = await api.start(workspace, { autoApply: true, variables });
  const shows = async (text: string) => (await api.log(id, RunPhase.APPLY, false)).text.includes(text);
  await until("terraform prints", () => shows("second 2 of"), { deadlineMs: 60_000 });

  await api.clients.tokens.revokeAgentToken({ agentTokenId: token });
  await agent.stop("SIGKILL");
  const again = scene.start("windlass-agent", call);
  expect(await api.ended(id)).toMatchObject({
    state: RunState.APPLIED,
    errorMessage: "",
    apply: { epoch: 1n, logComplete: true },
  });
  expect(await again.ended).toEqual({ code: 4, signal: null });
  expect(again.stderr()).toContain("finishing what is held");
  const third = scene.start("windlass-agent", call);
  expect(await third.ended).toEqual({ code: 4, signal: null });
});
