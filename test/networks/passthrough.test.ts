import { haproxy, openPassthrough } from "./haproxy.ts";
import { useTlsStage } from "./tls-server.ts";
import { testTravels } from "./travels.ts";

const { stage, ca } = useTlsStage();

haproxy.describe("behind HAProxy that lets TLS through as documented", () => {
  testTravels(stage, async () => {
    const { front } = await openPassthrough(stage.scene, stage.server, "haproxy-passthrough.cfg");
    return { front, way: { url: `https://127.0.0.1:${front.port}`, env: { WINDLASS_CA_FILE: ca } } };
  });
});
