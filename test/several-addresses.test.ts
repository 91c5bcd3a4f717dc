/** Agents and clients that know several addresses of one control plane: relays of one server stand for its replicas. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Program } from "./support/programs.ts";
import { Relay } from "./support/relay.ts";
import { openScene, type Scene, type TestServer } from "./support/scene.ts";
import { until } from "./support/until.ts";

/** Nobody listens on it. */
const dead = "http://127.0.0.1:9";
const unknown = "http://no-such-host.invalid:7070";

let held: AsyncDisposableStack;
let scene: Scene;
let server: TestServer;
let relays: readonly Relay[];

beforeAll(async () => {
  held = new AsyncDisposableStack();
  scene = held.use(await openScene());
  server = await scene.server({ args: ["--heartbeat-interval", "1s"] });
  relays = [held.use(await Relay.open(server.url)), held.use(await Relay.open(server.url))];
});
afterAll(() => held.disposeAsync());

const addresses = () => [dead, unknown, ...relays.map(({ url }) => url)];

async function agentCall(more: readonly string[] = []): Promise<readonly string[]> {
  const tokenFile = join(scene.directory, "agent-token");
  await writeFile(tokenFile, (await server.api.token(await server.api.pool())).secret, { mode: 0o600 });
  return [
    ...["--token-file", tokenFile, "--name", "roamer", "--data-dir", join(scene.directory, "roamer")],
    ...["--log-format", "json", "--sandbox", "none", "--min-free-disk", "1MiB", "--no-engine-download", ...more],
  ];
}

const said = (program: Program): string => `${program.stderr()}${program.stdout()}`;

/** The addresses at which an agent has registered, in their order. */
const registeredAt = (agent: Program): readonly string[] =>
  [...said(agent).matchAll(/"server":"([^"]+)"[^\n]*registered successfully/g)].map(([, url = ""]) => url);

const relayAt = (url: string | undefined): Relay => relays.find((one) => one.url === url) ?? expect.unreachable(url);

test("an agent finds the address that answers, and is at another within seconds when that one is gone", async () => {
  const [first = "", ...others] = addresses();
  const flags = await agentCall(["--address", first, "--address", others.join(", "), "--log-level", "debug"]);
  const agent = scene.start("windlass-agent", ["run", ...flags]);
  await agent.says(/waiting for (the )?next job/);
  const home = relayAt(registeredAt(agent)[0]);
  const startedMs = performance.now();
  home.refuse(true);
  home.cut();
  await until("it registers elsewhere", () => registeredAt(agent).length > 1 || undefined);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  const next = relayAt(registeredAt(agent)[1]);
  expect(next).not.toBe(home);
  home.refuse(false);
  await until("its stream is there", () => said(agent).split('"msg":"connected"').length > 2 || undefined);
  // A dead path says nothing at all: the session ends by its heartbeats.
  next.forget();
  next.refuse(true);
  await until("it is back where it was", () => registeredAt(agent)[2] === home.url || undefined);
  next.heal();
  expect(await agent.stop("SIGTERM")).toEqual({ code: 0, signal: null });
  expect(said(agent)).not.toContain('"level":"error"');
});

describe("windlass", () => {
  const call = (args: readonly string[], list = addresses()) =>
    scene.startCli({ url: list.join(","), adminTokenFile: server.adminTokenFile }, args);
  const answer = async (args: readonly string[], list?: readonly string[]) => {
    const program = call(args, list === undefined ? undefined : [...list]);
    return { ...(await program.ended), stdout: program.stdout(), stderr: program.stderr() };
  };

  test("calls the first address that answers, for reads and for changes", async () => {
    const pool = await answer(["pool", "create", "made-somewhere", "-o", "name"]);
    expect(pool).toMatchObject({ code: 0 });
    expect((await answer(["pool", "list", "-o", "name"])).stdout).toContain("made-somewhere");
  });

  test("says of each address why none is reached", async () => {
    const { code, stderr } = await answer(["pool", "list"], [dead, unknown]);
    expect(code).toBe(7);
    expect(stderr).toContain("none of 2 addresses is reached");
    expect(stderr).toContain(`no server answers at ${dead}`);
    expect(stderr).toContain(`the name in ${unknown} cannot be resolved`);
  });

  test("goes on watching at another address where the first one ended", async () => {
    const watch = call(["watch", "--only", "pools", "-o", "name"]);
    const seen = async (name: string) => {
      await server.api.clients.pools.createAgentPool({ name, organizationScoped: true });
      await watch.says(new RegExp(name));
    };
    // Whether it watches already is seen by what it sees.
    await until("it watches", async () => {
      await server.api.pool();
      return watch.stdout().includes("pool") || undefined;
    });
    const home = relays.find(({ connections }) => connections > 0) ?? expect.unreachable("nobody is connected");
    home.refuse(true);
    home.cut();
    await seen("seen-elsewhere");
    home.refuse(false);
    await watch.stop("SIGINT");
  });

  test("saves all addresses with a login, and its token goes to these alone", async () => {
    const list = addresses();
    const config = join(scene.directory, "of-login.yaml");
    const own = { WINDLASS_CONFIG: config };
    const login = scene.start(
      "windlass",
      ["login", list.join(","), "--token-file", server.adminTokenFile, "--context", "all"],
      own,
    );
    expect(await login.ended).toMatchObject({ code: 0 });
    const whoami = scene.start("windlass", ["whoami", "-o", "json"], own);
    expect(await whoami.ended).toMatchObject({ code: 0 });
    const some = scene.start("windlass", ["whoami", "--address", list.slice(1).join(",")], own);
    expect(await some.ended).toMatchObject({ code: 0 });
    const stranger = scene.start("windlass", ["whoami", "--address", `${list.join(",")},${server.url}`], own);
    expect(await stranger.ended).toMatchObject({ code: 4 });
  });

  test("the doctor checks each address, and names the bad one", async () => {
    const list = [dead, ...relays.map(({ url }) => url)];
    const { code, stdout } = await answer(["doctor", "-o", "json"], list);
    expect(code).toBe(1);
    const checks = JSON.parse(stdout) as readonly { id: string; status: string; detail: string }[];
    expect(checks.filter(({ status }) => status === "fail")).toMatchObject([
      { id: "tcp", detail: expect.stringContaining(`${dead}: no server answers`) },
    ]);
    expect(checks.filter(({ id, status }) => id === "token" && status === "ok")).toHaveLength(2);
  });
});

describe("windlass-agent", () => {
  test("doctor checks each address, and names the bad one", async () => {
    const flags = await agentCall(["--address", [dead, relays[0]?.url ?? ""].join(",")]);
    const doctor = scene.start("windlass-agent", ["doctor", ...flags]);
    expect(await doctor.ended).toMatchObject({ code: 1 });
    const checks = JSON.parse(doctor.stdout()) as readonly { id: string; status: string; detail: string }[];
    const ofServer = checks.filter(({ detail }) => detail.startsWith("http"));
    expect(ofServer.filter(({ status }) => status === "fail")).toMatchObject([
      { id: "tcp", detail: expect.stringContaining(`${dead}: no server answers`) },
    ]);
    expect(ofServer.find(({ id, status }) => id === "token" && status === "ok")?.detail).toContain(relays[0]?.url);
  });

  test("is not started with what cannot be the addresses of one control plane", async () => {
    const many = Array.from({ length: 1_000 }, (_, index) => `https://tf${index}.example.com`).join(",");
    for (const [list, why] of [
      [many, "at most 16 addresses, got 1000"],
      ["https://a,http://tf.example.com", "the token would travel in the clear"],
      ["https://a,nonsense", "got nonsense"],
      [",", "expected addresses such as"],
    ] as const) {
      const agent = scene.start("windlass-agent", await agentCall(["--address", list]));
      expect(await agent.ended).toMatchObject({ code: 2 });
      expect(agent.stderr()).toContain(why);
    }
  });
});
