import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { AgentStatus } from "../src/gen/windlass/v1/agent_pb.ts";
import { RunState } from "../src/gen/windlass/v1/run_pb.ts";
import { ExecutionMode } from "../src/gen/windlass/v1/workspace_pb.ts";
import { systemRandom } from "../src/lib/random.ts";
import { mintToken } from "../src/lib/words/tokens.ts";
import { freshName, refusalOf } from "./support/api.ts";
import { useStage } from "./support/stage.ts";

describe("what is refused", () => {
  const stage = useStage();

  /** Starts an agent that is expected to end by itself. */
  async function agentWith(token: string) {
    const tokenFile = join(stage.scene.directory, freshName("token"));
    await writeFile(tokenFile, token);
    const dataDir = join(stage.scene.directory, freshName("agent"));
    return stage.scene.start("windlass-agent", [
      ...["--address", stage.server.url, "--token-file", tokenFile, "--data-dir", dataDir],
    ]);
  }

  test("an agent with a token that nobody knows ends with exit code 4 and says what to do", async () => {
    const agent = await agentWith(mintToken("agt", systemRandom));
    expect(await agent.ended).toMatchObject({ code: 4 });
    expect(agent.stderr()).toContain("the agent token was rejected");
  });

  test("an agent with a token of another kind, or a damaged one, does not even call", async () => {
    const { api, adminTokenFile } = stage.server;
    const foreign = await agentWith(await readFile(adminTokenFile, "utf8"));
    expect(await foreign.ended).toMatchObject({ code: 2 });
    expect(foreign.stderr()).toContain("expected an agent token");
    const { secret } = await api.token(await api.pool());
    const damaged = await agentWith(`${secret.slice(0, -1)}${secret.endsWith("0") ? "1" : "0"}`);
    expect(await damaged.ended).toMatchObject({ code: 2 });
    expect(damaged.stderr()).toContain("checksum");
  });

  test("a revoked token: its agent is sent away at once, and a new one is not let in", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    const { id, secret } = await api.token(pool);
    const agent = await stage.scene.agent(stage.server, { pool, token: secret });
    await api.clients.tokens.revokeAgentToken({ agentTokenId: id });
    expect(await agent.program.ended).toMatchObject({ code: 4 });
    const again = await agentWith(secret);
    expect(await again.ended).toMatchObject({ code: 4 });
    expect(again.stderr()).toContain("revoked");
  });

  test("a token revoked in mid-apply lets the running job finish", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    const { id, secret } = await api.token(pool);
    const agent = await stage.scene.agent(stage.server, { pool, token: secret });
    const workspace = await api.workspace({ agentPool: pool });
    await api.upload(workspace, await stage.scene.configuration("slow"));
    const runId = await api.start(workspace, {
      autoApply: true,
      variables: [{ key: "seconds", value: "2", hcl: true }],
    });
    await api.runIn(runId, RunState.APPLYING);
    await api.clients.tokens.revokeAgentToken({ agentTokenId: id });
    expect(await api.ended(runId)).toMatchObject({ state: RunState.APPLIED, errorMessage: "" });
    expect(await agent.program.ended).toMatchObject({ code: 4 });
  });

  test("a pool that workspaces use is not deleted, and the refusal lists them", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    const workspaces = [await api.workspace({ agentPool: pool }), await api.workspace({ agentPool: pool })];
    const refusal = await refusalOf(api.clients.pools.deleteAgentPool({ agentPool: pool }));
    expect(refusal).toMatchObject({ reason: "POOL_IN_USE", code: "FailedPrecondition" });
    for (const workspace of workspaces) {
      expect(refusal.message).toContain(workspace);
      expect(refusal.metadata.workspaces).toContain(workspace);
    }
    const cli = await stage.scene.cli(stage.server, ["pool", "delete", pool, "--yes"]);
    expect(cli.code).toBe(5);
    for (const workspace of workspaces) expect(cli.stderr).toContain(workspace);
    for (const workspace of workspaces) await api.clients.workspaces.deleteWorkspace({ workspace });
    await api.clients.pools.deleteAgentPool({ agentPool: pool });
    expect(await refusalOf(api.pool().then(() => api.token(pool)))).toMatchObject({ reason: "NOT_FOUND" });
  });

  test("a deleted pool sends its agents away", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    const agent = await stage.scene.agent(stage.server, { pool });
    await api.agentWhen(agent.name, AgentStatus.IDLE);
    await api.clients.pools.deleteAgentPool({ agentPool: pool });
    expect((await agent.program.ended).code).not.toBe(0);
    expect(agent.program.stderr()).toMatch(/rejected|deleted/);
  });

  test("a workspace is not assigned to a pool that does not grant it, nor to none", async () => {
    const { api } = stage.server;
    const pool = await api.pool({ grants: [] });
    const refusal = await refusalOf(api.workspace({ name: "not-granted", agentPool: pool }));
    expect(refusal).toMatchObject({ reason: "POOL_NOT_GRANTED", metadata: { pool } });
    expect(refusal.message).toContain("not-granted");
    expect(await refusalOf(api.workspace({ executionMode: ExecutionMode.AGENT }))).toMatchObject({ reason: "NO_POOL" });
  });

  test("a run that fails is exit code 6 of the command that started it", async () => {
    const { api } = stage.server;
    const pool = await api.pool();
    await stage.scene.agent(stage.server, { pool });
    const workspace = await api.workspace({ agentPool: pool });
    const directory = await stage.scene.configuration("syntax-error");
    const cli = await stage.scene.cli(stage.server, ["run", "start", workspace, "--dir", directory, "--auto-apply"]);
    expect(cli).toMatchObject({ code: 6 });
    expect(cli.stdout + cli.stderr).toContain("Invalid multi-line string");
    const typo = await stage.scene.cli(stage.server, ["run", "start", workspace, "--auto-aply"]);
    expect(typo).toMatchObject({ code: 2 });
    expect(typo.stderr).toContain("--auto-apply");
  });

  test("the port in use, the data directory in use, and a database of a newer version", async () => {
    const { directory } = stage.scene;
    const { host } = new URL(stage.server.url);
    const start = (dataDir: string, listen: string) =>
      stage.scene.start("windlassd", ["--data-dir", dataDir, "--listen", listen, "--server-agent-concurrency", "0"]);
    const sameDirectory = start(stage.server.dataDir, "127.0.0.1:0");
    const samePort = start(join(directory, "other-server"), host);
    expect(await sameDirectory.ended).toMatchObject({ code: 5 });
    expect(sameDirectory.stderr()).toContain(stage.server.dataDir);
    expect(await samePort.ended).toMatchObject({ code: 1 });
    expect(samePort.stderr()).toContain(host);

    const made = stage.scene.start("windlassd", ["migrate", "--data-dir", join(directory, "other-server")]);
    expect(await made.ended).toMatchObject({ code: 0 });
    const database = new Database(join(directory, "other-server", "windlass.db"));
    const far = Date.now() + 1_000_000_000_000;
    database.prepare("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('newer', ?)").run(far);
    database.close();
    const older = start(join(directory, "other-server"), "127.0.0.1:0");
    expect(await older.ended).toMatchObject({ code: 5 });
    expect(older.stderr()).toContain("schema version");
    expect(stage.server.program.isRunning).toBe(true);
  });
});
