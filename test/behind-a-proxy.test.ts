import { expect, test } from "vitest";
import { useStage } from "./support/stage.ts";
import { type TcpFront, tcpFront } from "./support/tcp-front.ts";

const proxy = "127.0.0.2";
const caller = "192.0.2.7";

const stage = useStage({
  serverAgents: 0,
  args: [
    ...["--trusted-proxies", proxy, "--proxy-protocol", "--path-prefix", "/windlass"],
    ...["--auth-failure-limit", "3"],
  ],
});

/** The way through a proxy that says where its callers are. */
function through(front: TcpFront) {
  const { server } = stage;
  return {
    ...server,
    adminTokenFile: server.adminTokenFile,
    api: server.api,
    url: `http://127.0.0.1:${front.port}/windlass`,
  };
}

const fromCaller = () =>
  tcpFront(Number(new URL(stage.server.url).port), Buffer.from(`PROXY TCP4 ${caller} 10.0.0.1 4711 443\r\n`), {
    from: proxy,
  });

test("below a path, a run goes from the command line to an agent and back, and both are known by their own address", async () => {
  await using front = await fromCaller();
  const { scene, server } = stage;
  const pool = await server.api.pool();
  const agent = await scene.agent(through(front), { pool });
  const workspace = await server.api.workspace({ agentPool: pool });
  const directory = await scene.configuration("hello");
  const started = await scene.cli(through(front), ["run", "start", workspace, "--dir", directory, "--auto-apply"]);
  expect(started.code, started.stderr).toBe(0);
  const seen = await scene.cli(through(front), ["agent", "get", agent.name, "-o", "json"]);
  expect(JSON.parse(seen.stdout)).toMatchObject({ address: caller });
  const listed = await scene.cli(through(front), ["audit", "list", "-o", "json", "--limit", "200"]);
  const { events } = JSON.parse(listed.stdout) as { events: { action: string; address?: string }[] };
  const addressOf = (wanted: string) => events.find(({ action }) => action === wanted)?.address;
  expect(["run.create", "agent.register", "pool.create"].map(addressOf)).toEqual([caller, caller, "127.0.0.1"]);
  const wide = await scene.cli(server, ["audit", "list", "-o", "wide", "--action", "run.create"]);
  expect(wide.stdout).toMatch(/ADDRESS/);
  expect(wide.stdout).toContain(caller);
  await agent.stop("SIGTERM");
});

test("below a path, who asks the host where the TFE API is gets URLs with the path", async () => {
  await using front = await fromCaller();
  const { url } = through(front);
  for (const at of [`${url}/.well-known/terraform.json`, new URL("/.well-known/terraform.json", url)]) {
    const services = (await (await fetch(at)).json()) as Readonly<Record<string, unknown>>;
    expect(services).toMatchObject({ "tfe.v2": `${url}/api/v2/`, "login.v1": { token: `${url}/oauth/token` } });
  }
});

test("who shows bad credentials through a proxy is held back alone", async () => {
  await using front = await fromCaller();
  const { scene, server } = stage;
  const answer = (url: string) =>
    scene.start("windlass", ["pool", "list"], { WINDLASS_ADDRESS: url, WINDLASS_TOKEN: "wdl_usr_nobody" });
  const tries = async (url: string) => {
    const program = answer(url);
    await program.ended;
    return program.stderr();
  };
  const said: string[] = [];
  for (let count = 0; count < 4; count++) said.push(await tries(through(front).url));
  expect(said.at(-1)).toContain(`rejected credentials a minute from ${caller}`);
  expect(await tries(server.url)).not.toContain("rejected credentials a minute");
});

test("a trusted proxy without a PROXY header is refused, and one that contradicts the settings is no start", async () => {
  await using front = await tcpFront(Number(new URL(stage.server.url).port), Buffer.alloc(0), { from: proxy });
  const refused = await stage.scene.cli(through(front), ["pool", "list", "--timeout", "5s"]);
  expect(refused.code).not.toBe(0);
  await stage.server.program.says(/each begins with a PROXY header/);
  const wrong = stage.scene.start("windlassd", ["--data-dir", `${stage.scene.directory}/none`, "--proxy-protocol"]);
  expect(await wrong.ended).toMatchObject({ code: 2 });
  expect(wrong.stderr()).toContain("name their addresses with --trusted-proxies");
});
