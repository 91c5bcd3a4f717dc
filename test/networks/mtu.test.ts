import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fakePlan } from "../faults/fake-runs.ts";
import { useStage } from "../support/stage.ts";
import { until } from "../support/until.ts";
import { expectFollowedLive } from "./conditions.ts";
import { expectEverybodySays, startAgentDoctor } from "./hops.ts";
import { PacketLink, packets } from "./packet-link.ts";
import { useTlsStage } from "./tls-server.ts";
import { openTraveller } from "./traveller.ts";

const stage = useStage({ args: ["--heartbeat-interval", "500ms"] });
const tls = useTlsStage();

/** Of an interface that sends up to 1500 bytes, behind which something takes less. */
const hole = { maxBytes: 1200 };
/** Even a certificate is larger. */
const narrow = { maxBytes: 600 };
const words = /packets (are|that are) too large/;

async function open() {
  const link = await PacketLink.open(stage.scene, stage.server.url);
  const clientWay = { url: stage.server.url, env: {} };
  return { link, traveller: await openTraveller(stage, link.way(), { clientWay }) };
}

packets.describe("where large packets vanish", () => {
  test.concurrent("a run whose configuration does not arrive says so, and goes on once it does", async () => {
    const { link, traveller } = await open();
    const place = await traveller.place(fakePlan({ planLines: 3, applyLines: 20 }));
    await writeFile(join(place.directory, "large.bin"), randomBytes(200_000));
    await link.set(hole);
    const program = traveller.startCli("run", "start", place.workspace, "--dir", place.directory, "--auto-apply");
    await program.says(words, 120_000);
    expect(traveller.agent.program.stdout() + traveller.agent.program.stderr()).toMatch(words);
    expect((await link.set({ maxBytes: 65_535 })).tooLarge).toBeGreaterThan(0);
    expect((await program.ended).code).toBe(0);
  });

  test.concurrent("an agent whose log does not arrive says so, as its run does, and loses nothing of it", async () => {
    const { link, traveller } = await open();
    const { server, agent } = traveller;
    await expectFollowedLive(
      traveller,
      async () => {
        await link.set(hole);
        await agent.program.says(words, 120_000);
        const isSaid = async () => {
          const { agents } = await server.api.clients.agents.listAgents({});
          return words.test(agents.find(({ name }) => name === agent.name)?.warning ?? "");
        };
        await until("the agent's record says so", isSaid, { deadlineMs: 120_000 });
        await link.set({ maxBytes: 65_535 });
      },
      { wide: 1000, maxGapMs: 20_000 },
    );
  });

  test.concurrent("the agent's doctor says so", async () => {
    const { link, traveller } = await open();
    await link.set(hole);
    const doctor = startAgentDoctor(stage, traveller.way, traveller.agent.name);
    expect((await doctor.ended).code).toBe(1);
    expect(doctor.stdout()).toMatch(/fail +session +small messages pass[^\n]*no answer within 30 s/);
    expect(doctor.stdout()).toMatch(words);
  });

  test.concurrent("and TLS does not come through, agent, client and doctors say so", async () => {
    const link = await PacketLink.open(tls.stage.scene, tls.stage.server.url);
    const env = { WINDLASS_CA_FILE: tls.ca, WINDLASS_SERVER_NAME: "localhost" };
    await link.set(narrow);
    await expectEverybodySays(
      tls.stage,
      link.way(undefined, { scheme: "https", env }),
      /its TLS does not answer[^\0]*MTU/,
    );
  });
});
