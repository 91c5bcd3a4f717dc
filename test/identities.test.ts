import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AgentStatus } from "../src/gen/windlass/v1/agent_pb.ts";
import { freshName } from "./support/api.ts";
import { issuerKey, openIssuer, signedToken, type TestIssuer } from "./support/issuer.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";

const stage = useStage({ args: ["--public-url", "http://windlass.example.com"] });
const key = issuerKey("cluster");
const subject = "system:serviceaccount:windlass:agent";
let issuer: TestIssuer;
beforeAll(async () => {
  issuer = await openIssuer([key]);
});
afterAll(() => issuer[Symbol.asyncDispose]());

const identity = (sub = subject, lifetimeS = 600) => {
  const now = Math.floor(Date.now() / 1_000);
  return signedToken(key, { iss: issuer.url, aud: "http://windlass.example.com", sub, iat: now, exp: now + lifetimeS });
};

test("an agent comes with the token of its pod alone, comes again with the next one, and leaves with the trust", async () => {
  const { scene, server } = stage;
  const pool = await server.api.pool();
  const cli = async (...line: readonly string[]) => {
    const answer = await scene.cli(server, line);
    expect(answer).toMatchObject({ code: 0 });
    return answer.stdout;
  };
  const trust = ["--issuer", issuer.url, "--subject", "system:serviceaccount:windlass:*"];
  await cli("trust", "create", "--pool", pool, "--name", "cluster", ...trust);
  expect(await cli("trust", "list", "--pool", pool, "-o", "wide")).toMatch(/cluster .*http:\/\/windlass\.example\.com/);

  const name = freshName("agent");
  const file = join(scene.directory, `${name}.jwt`);
  await writeFile(file, identity(), { mode: 0o600 });
  const { organization } = (await server.api.clients.pools.getAgentPool({ agentPool: pool })).agentPool ?? {};
  const call = [
    ...["--address", server.url, "--identity-token-file", file, "--pool", `${organization}/${pool}`],
    ...["--name", name, "--data-dir", join(scene.directory, name), "--sandbox", "none", "--log-format", "json"],
  ];
  const doctor = scene.start("windlass-agent", ["doctor", ...call]);
  await doctor.ended;
  expect(JSON.parse(doctor.stdout())).toContainEqual(expect.objectContaining({ id: "token", status: "ok" }));

  const agent = scene.start("windlass-agent", call, { KEDA_TOKEN: "what-keda-asks-with" });
  await server.api.agentWhen(name, AgentStatus.IDLE);
  if (process.platform === "linux")
    expect(await readFile(`/proc/${agent.pid}/environ`, "utf8")).not.toContain("what-keda-asks-with");
  // As the kubelet does it: the link leads to another file at once.
  await writeFile(`${file}.next`, identity("system:serviceaccount:windlass:second"), { mode: 0o600 });
  await rename(`${file}.next`, file);
  agent.signal("SIGHUP");
  await until("it has registered anew", async () =>
    server.program.stderr().includes("system:serviceaccount:windlass:second"),
  );
  expect(`${agent.stderr()}${server.program.stderr()}`).not.toContain((await readFile(file, "utf8")).slice(-40));

  const records = await cli("audit", "list", "--action", "agent.register", "-o", "json");
  expect(records).toContain(subject);
  await cli("trust", "delete", "cluster", "--yes");
  expect(await agent.ended).toEqual({ code: 4, signal: null });
});
