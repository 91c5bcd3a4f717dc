import { test } from "vitest";
import { useStage } from "../support/stage.ts";
import { expectApplied } from "./conditions.ts";
import { freePort } from "./front.ts";
import { expectEverybodySays } from "./hops.ts";
import { nginx, openNginx } from "./nginx.ts";
import { openTraveller } from "./traveller.ts";

const stage = useStage();

nginx.describe("behind nginx that wants a client certificate", () => {
  const demand = "client_max_body_size 0; ssl_client_certificate ca.pem; ssl_verify_client on;";
  const open = () => openNginx(stage.scene, stage.server, { "client_max_body_size 0;": demand });

  test("agent, client and doctors say so", async () => {
    const { way } = await open();
    await expectEverybodySays(stage, way, /answers 400[^\n]*client certificate[^\n]*--cert-file and --key-file/);
  });

  test("a run is whole when they have one", async () => {
    const { way, place } = await open();
    const own = { WINDLASS_CERT_FILE: place.cert, WINDLASS_KEY_FILE: place.key };
    await expectApplied(await openTraveller(stage, { ...way, env: { ...way.env, ...own } }));
  });
});

nginx.describe("behind nginx whose server is dead", () => {
  test("agent, client and doctors say that it is not nginx which is down", async () => {
    const dead = { url: `http://127.0.0.1:${await freePort()}` };
    const { way } = await openNginx(stage.scene, dead);
    await expectEverybodySays(stage, way, /answers 502[^\n]*: a proxy gets no good answer[^\n]*is windlassd running/);
  });
});
