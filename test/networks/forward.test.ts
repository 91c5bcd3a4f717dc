import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectFollowedLive } from "./conditions.ts";
import { freePort, type Way } from "./front.ts";
import { expectSaid } from "./hops.ts";
import { canHaveHosts, serverName } from "./hosts.ts";
import { openInspection, openSquid, type Squid, squid } from "./squid.ts";
import { openTinyproxy, tinyproxy } from "./tinyproxy.ts";
import { useTlsStage } from "./tls-server.ts";
import { openTraveller, type TravelOptions } from "./traveller.ts";
import { testTravels } from "./travels.ts";

const { stage, ca } = useTlsStage();

const portOf = () => new URL(stage.server.url).port;

/** The way to the server through a forward proxy, which alone knows its name. The certificate has another one. */
function through(proxy: string): TravelOptions & { readonly way: Way } {
  const env = { WINDLASS_CA_FILE: ca, WINDLASS_SERVER_NAME: "localhost", https_proxy: proxy };
  const way = { url: `https://${serverName}:${portOf()}`, env };
  return { way };
}

const stranger = (proxy: string): Way => through(proxy).way;

squid.describe("through squid as documented", () => {
  let opened: Squid | undefined;
  testTravels(stage, async () => {
    opened = await openSquid(stage.scene, portOf());
    return { front: opened.front, ...through(opened.url()) };
  });

  test("all that was in tunnels of this proxy, opened by who has the password", async () => {
    await opened?.front.stop();
    const log = await readFile(join(opened?.place.directory ?? "", "access.log"), "utf8");
    expect(log).toMatch(new RegExp(`TCP_TUNNEL/200 \\d+ CONNECT ${serverName}:${portOf()} windlass`));
  });
});

squid.describe("through squid", () => {
  test("an agent without a password, with a wrong one or for a port that is not allowed says why", async () => {
    const { url } = await openSquid(stage.scene, portOf());
    const strict = await openSquid(stage.scene, "443");
    await expectSaid(stage, stranger(url("")), /407/);
    await expectSaid(stage, stranger(url("windlass", "wrong")), /407/);
    await expectSaid(stage, stranger(strict.url()), /403/);
  });

  test("a server that is excepted from the inspection of TLS is reached", async () => {
    const { url } = await openInspection(stage.scene, { exceptedName: "localhost", ca });
    const { way, ...options } = through(url(""));
    const traveller = await openTraveller(stage, way, options);
    expect(traveller.agent.program.isRunning).toBe(true);
  });

  test("one whose TLS is inspected is not, and the agent says who inspects", async () => {
    const { url } = await openInspection(stage.scene, { exceptedName: "tf.example.com", ca });
    await expectSaid(stage, stranger(url("")), /inspects TLS: [^\n]*CN=an inspection/);
  });

  test("whose authority is trusted, an agent says that the inspection leaves no HTTP/2", async () => {
    const { url, place } = await openInspection(stage.scene, { exceptedName: "tf.example.com", ca });
    const { url: address, env } = stranger(url(""));
    await expectSaid(
      stage,
      { url: address, env: { ...env, WINDLASS_CA_FILE: join(place.directory, "inspection.pem") } },
      /CN=an inspection[^\n]*speaks only HTTP\/1\.1: except the server from inspection/,
    );
  });
});

tinyproxy.describe("through tinyproxy", () => {
  test.skipIf(!canHaveHosts)(
    "an apply is followed as it prints, and survives a restart of the proxy in its middle",
    async () => {
      const { front, url } = await openTinyproxy(stage.scene, portOf());
      const { way, ...options } = through(url());
      const traveller = await openTraveller(stage, way, options);
      await expectFollowedLive(traveller, () => front.restart());
      expect(front.said()).toContain(`CONNECT ${serverName}:${portOf()}`);
    },
  );

  test.skipIf(!canHaveHosts)("an agent with a wrong password says why", async () => {
    const { url } = await openTinyproxy(stage.scene, portOf());
    await expectSaid(stage, stranger(url("windlass", "wrong")), /401/);
  });
});

test("an agent whose proxy is down says which", async () => {
  const port = await freePort();
  await expectSaid(stage, stranger(`http://127.0.0.1:${port}`), new RegExp(`127\\.0\\.0\\.1:${port}`));
});
