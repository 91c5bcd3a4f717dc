import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectFollowedLive } from "./conditions.ts";
import { freePort } from "./front.ts";
import { expectSaid } from "./hops.ts";
import { mended } from "./mended.ts";
import { openInspection, openSquid, type Squid, squid } from "./squid.ts";
import { openTinyproxy, tinyproxy } from "./tinyproxy.ts";
import { useTlsStage } from "./tls-server.ts";
import { openTraveller } from "./traveller.ts";
import { testTravels } from "./travels.ts";

const { stage, ca } = useTlsStage();

const portOf = () => new URL(stage.server.url).port;

/** The way to the server through a forward proxy. */
function through(proxy: string, host = "127.0.0.1") {
  const env = { https_proxy: proxy };
  const way = { url: `https://${host}:${portOf()}`, env: { WINDLASS_CA_FILE: ca, ...(mended.wayOut ? env : {}) } };
  return { way, agentEnv: env };
}

/** What an agent that does not get through is told. */
function stranger(proxy: string, host?: string) {
  const { way, agentEnv } = through(proxy, host);
  return { ...way, env: { ...way.env, ...agentEnv } };
}

squid.describe("through squid as documented", () => {
  let opened: Squid | undefined;
  testTravels(stage, async () => {
    opened = await openSquid(stage.scene, portOf());
    return { front: opened.front, ...through(opened.url()) };
  });

  test("all that was in tunnels of this proxy, opened by who has the password", async () => {
    await opened?.front.stop();
    const log = await readFile(join(opened?.place.directory ?? "", "access.log"), "utf8");
    expect(log).toMatch(new RegExp(`TCP_TUNNEL/200 \\d+ CONNECT 127\\.0\\.0\\.1:${portOf()} windlass`));
  });
});

squid.describe("through squid", () => {
  test.skipIf(!mended.wayOut)(
    "an agent without a password, with a wrong one or for a port that is not allowed says why",
    async () => {
      const { url } = await openSquid(stage.scene, portOf());
      const strict = await openSquid(stage.scene, "443");
      await expectSaid(stage, stranger(url("")), /407/);
      await expectSaid(stage, stranger(url("windlass", "wrong")), /407/);
      await expectSaid(stage, stranger(strict.url()), /403/);
    },
  );

  test("a server that is excepted from the inspection of TLS is reached", async () => {
    const { url } = await openInspection(stage.scene, "localhost");
    const { way, agentEnv } = through(url(""), "localhost");
    const traveller = await openTraveller(stage, way, { agentEnv });
    expect(traveller.agent.program.isRunning).toBe(true);
  });

  test("one whose TLS is inspected is not, and the agent says that the certificate is not trusted", async () => {
    const { url } = await openInspection(stage.scene, "tf.example.com");
    await expectSaid(stage, stranger(url(""), "localhost"), /authority/);
  });

  test.skipIf(!mended.wayOut)(
    "whose authority is trusted, an agent says that the inspection leaves no HTTP/2",
    async () => {
      const { url, place } = await openInspection(stage.scene, "tf.example.com");
      const { url: address, env } = stranger(url(""), "localhost");
      await expectSaid(
        stage,
        { url: address, env: { ...env, WINDLASS_CA_FILE: join(place.directory, "inspection.pem") } },
        /HTTP\/2/,
      );
    },
  );
});

tinyproxy.describe("through tinyproxy", () => {
  test("an apply is followed as it prints, and survives a restart of the proxy in its middle", async () => {
    const { front, url } = await openTinyproxy(stage.scene, portOf());
    const { way, agentEnv } = through(url());
    const traveller = await openTraveller(stage, way, { agentEnv });
    await expectFollowedLive(traveller, () => front.restart());
    expect(front.said()).toContain(`CONNECT 127.0.0.1:${portOf()}`);
  });

  test.skipIf(!mended.wayOut)("an agent with a wrong password says why", async () => {
    const { url } = await openTinyproxy(stage.scene, portOf());
    await expectSaid(stage, stranger(url("windlass", "wrong")), /401/);
  });
});

test.skipIf(!mended.wayOut)("an agent whose proxy is down says which", async () => {
  const port = await freePort();
  await expectSaid(stage, stranger(`http://127.0.0.1:${port}`), new RegExp(`127\\.0\\.0\\.1:${port}`));
});
