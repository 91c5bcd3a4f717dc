/** docs/high-availability.md with nginx in front of two servers: one of them is killed in the middle of an apply. */
import { readFile } from "node:fs/promises";
import { Agent, request } from "undici";
import { expect, test } from "vitest";
import { RunPhase, RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { Front, freePort, openPlace, wayThrough } from "../networks/front.ts";
import { nginx, nginxArgs } from "../networks/nginx.ts";
import { hasPostgres } from "../postgres.ts";
import { Api } from "../support/api.ts";
import { openScene } from "../support/scene.ts";
import { until } from "../support/until.ts";

const page = new URL("../../docs/high-availability.md", import.meta.url);
const args = ["--heartbeat-interval", "1s", "--shutdown-timeout", "2s"];

async function site(replacements: Readonly<Record<string, string>>): Promise<string> {
  const [, block = ""] = /^```nginx\n(.*?)^```$/ms.exec(await readFile(page, "utf8")) ?? [];
  return Object.entries(replacements).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the page has no ${from}`);
    return text.replaceAll(from, to);
  }, block);
}

nginx.describe("nginx in front of two servers", { timeout: 120_000 }, () => {
  test.skipIf(!hasPostgres)(
    "carries an apply on when the server is killed that its agent is connected to",
    async () => {
      await using held = new AsyncDisposableStack();
      await using scene = await openScene();
      const port = await freePort();
      // The terraform program is told it also by a server that has no UI.
      const published = [...args, "--no-web", "--public-url", `https://127.0.0.1:${port}`];
      const one = await scene.server({ engine: "postgres", args: published });
      const two = await scene.server({ beside: one, args: published });
      const place = await openPlace(scene, "nginx");
      const text = await site({
        "listen 443": `listen 127.0.0.1:${port}`,
        "/etc/nginx/windlass.crt": place.cert,
        "/etc/nginx/windlass.key": place.key,
        "10.0.0.1:7070": new URL(one.url).host,
        "10.0.0.2:7070": new URL(two.url).host,
      });
      const front = await Front.open(scene, { command: nginx.path, args: await nginxArgs(place, text), port });
      const way = wayThrough(front, place);
      const token = (await readFile(one.adminTokenFile, "utf8")).trim();
      const api = held.use(new Api(way.url, token, await readFile(place.ca, "utf8")));

      const dispatcher = new Agent({ connect: { ca: await readFile(place.ca, "utf8") } });
      held.defer(() => dispatcher.close());
      const { body } = await request(`${way.url}/.well-known/terraform.json`, { dispatcher });
      expect(await body.json()).toMatchObject({ "tfe.v2": `${way.url}/api/v2/` });

      const pool = await api.pool();
      await scene.agent({ ...one, url: way.url, api }, { pool, env: way.env });
      const workspace = await api.workspace({ agentPool: pool });
      await api.upload(workspace, await scene.configuration("slow"));
      const seconds = 12;
      const run = await api.start(workspace, {
        autoApply: true,
        variables: [
          { key: "seconds", value: String(seconds), hcl: true },
          { key: "run", value: '"nginx"', hcl: true },
        ],
      });
      const printed = async (line: string) => (await api.log(run, RunPhase.APPLY, false)).text.includes(line);
      await until("terraform prints", () => printed("second 1 of").catch(() => false), { deadlineMs: 60_000 });
      const replicas = await until("a server has the agent", async () => {
        const { stdout } = await scene.cli(two, ["status", "-o", "json"]);
        const rows: readonly { address: string; connectedAgents?: number }[] = JSON.parse(stdout).replicas;
        return rows.find(({ connectedAgents = 0 }) => connectedAgents > 0);
      });
      const isOf = ({ url }: { readonly url: string }) => replicas.address.endsWith(`:${new URL(url).port}`);
      const victim = [one, two].find(isOf);
      expect(victim, replicas.address).toBeDefined();
      victim?.program.signal("SIGKILL");

      const began = performance.now();
      await until("changes are made again", () => api.workspace().catch(() => undefined), { deadlineMs: 30_000 });
      console.info(`changes were made again ${Math.round(performance.now() - began)} ms after a server was killed`);
      const state = async () => (await api.run(run).catch(() => undefined))?.state;
      await until("the run ends", async () => (await state()) === RunState.APPLIED, { deadlineMs: 60_000 });
      const { text: log } = await api.log(run, RunPhase.APPLY);
      for (let second = 1; second <= seconds; second += 1) expect(log).toContain(`second ${second} of ${seconds}`);
    },
  );
});
