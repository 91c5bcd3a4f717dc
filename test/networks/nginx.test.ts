import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { useStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { expectCanceled, expectFollowedLive, expectLargeThings, expectStateThereAndBack } from "./conditions.ts";
import { expectHttp1Named, expectSaid } from "./hops.ts";
import { nginx, openNginx } from "./nginx.ts";
import { openTraveller } from "./traveller.ts";
import { testTravels } from "./travels.ts";

const stage = useStage({ args: ["--heartbeat-interval", "1s"] });

nginx.describe("behind nginx as documented", () => {
  testTravels(stage, () => openNginx(stage.scene, stage.server));
});

nginx.describe("behind nginx", () => {
  const open = (more: Readonly<Record<string, string>>) => openNginx(stage.scene, stage.server, more);
  const restless = { "1h": "3s" };
  const defaults = { "client_max_body_size 0;": "", client_body_timeout: "#", grpc_read: "#", grpc_send: "#" };
  /** What these statuses are answered with, one after the other. */
  const refusals = [401, 403, 404, 413, 429, 502, 503, 504];

  test("with times of 3 s an apply that is quiet for longer stays connected, and is canceled in time", async () => {
    const { way } = await open(restless);
    const traveller = await openTraveller(stage, way);
    await expectCanceled(traveller, 5_000);
    expect(traveller.agent.program.stderr() + traveller.agent.program.stdout()).not.toContain("trying again");
  });

  test("with nginx's own limits everything large arrives whole", async () => {
    const { way } = await open(defaults);
    const traveller = await openTraveller(stage, way);
    await expectLargeThings(traveller);
    await expectStateThereAndBack(traveller);
  });

  test("no status of its own ends an agent or an apply", async () => {
    const { front, place, way } = await open({ "grpc_pass grpc": "include answer[.]conf;\n grpc_pass grpc" });
    const traveller = await openTraveller(stage, way);
    const answers = join(place.directory, "answer.conf");
    await expectFollowedLive(traveller, async () => {
      for (const status of refusals) {
        await writeFile(answers, `return ${status};\n`);
        front.reload();
        const isMet = async () =>
          (await readFile(join(place.directory, "access.log"), "utf8")).includes(`HTTP/2.0" ${status} `);
        await until(`the agent has met ${status}`, isMet, { deadlineMs: 40_000 });
      }
      // One warning a minute, however often it is tried.
      await traveller.agent.program.says(/something between here and the server[^"]* answers \d+/);
      await writeFile(answers, "");
      front.reload();
    });
    expect(traveller.agent.program.isRunning).toBe(true);
  });

  test("that speaks HTTP/1.1 to the server an agent says so, and the client works", async () => {
    const http1 = "proxy_http_version 1.1;\n proxy_buffering off;\n proxy_pass http";
    const { way } = await open({ "grpc_pass grpc": http1 });
    await expectHttp1Named(stage, way);
  });

  test("without http2 an agent says that HTTP/2 is missing", async () => {
    const { way } = await open({ " ssl http2": " ssl" });
    await expectSaid(stage, way, /HTTP\/2/);
  });
});
