import { expect, test } from "vitest";
import { haproxy, openPassthrough } from "./haproxy.ts";
import { useTlsStage } from "./tls-server.ts";
import { openTraveller } from "./traveller.ts";

/** The test itself comes from 127.0.0.1 and is no proxy. */
const proxyAddress = "127.0.0.2";

const { stage, ca } = useTlsStage(...["--trusted-proxies", proxyAddress, "--proxy-protocol"]);

haproxy.describe("behind HAProxy with the PROXY protocol as documented", () => {
  test("an agent is connected, and its address is its own", async () => {
    const { scene, server } = stage;
    const { front } = await openPassthrough(scene, server, "haproxy-proxy-protocol.cfg", {
      "send-proxy-v2": `send-proxy-v2 source ${proxyAddress}`,
    });
    const way = { url: `https://127.0.0.1:${front.port}`, env: { WINDLASS_CA_FILE: ca } };
    const { agent } = await openTraveller(stage, way);
    const { agents } = await server.api.clients.agents.listAgents({});
    expect(agents.find(({ name }) => name === agent.name)?.address).toMatch(/^127\.0\.0\.1/);
  });
});
