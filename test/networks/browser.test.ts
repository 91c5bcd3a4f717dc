import { readFile } from "node:fs/promises";
import { Agent } from "undici";
import { expect, test } from "vitest";
import { useStage } from "../support/stage.ts";
import { nginx, openNginx } from "./nginx.ts";

const site = "https://tf.example.com";
const stage = useStage({ serverAgents: 0, args: ["--public-url", site] });

nginx.describe("a browser behind nginx as documented", () => {
  test("gets pages, signs in, and calls, by the public URL alone", async () => {
    const { front, place } = await openNginx(stage.scene, stage.server);
    const dispatcher = new Agent({
      allowH2: true,
      connect: { ca: await readFile(place.ca) },
    });
    await using _open = { [Symbol.asyncDispose]: () => dispatcher.destroy() };
    const page = { origin: site, "sec-fetch-site": "same-origin" };
    const send = async (path: string, body: unknown, headers: Readonly<Record<string, string>>) => {
      const isPost = body !== undefined;
      const answer = await dispatcher.request({
        ...{ origin: `https://localhost:${front.port}`, path, method: isPost ? "POST" : "GET" },
        headers: { ...(isPost ? { "content-type": "application/json" } : {}), ...headers },
        body: isPost ? JSON.stringify(body) : null,
      });
      return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() };
    };
    const start = await send("/", undefined, {});
    expect(start.headers).toMatchObject({ "strict-transport-security": "max-age=31536000" });
    expect(start.headers["content-security-policy"]).toContain("default-src 'none'");
    const apiKey = (await readFile(stage.server.adminTokenFile, "utf8")).trim();
    const foreign = { ...page, origin: "https://evil.example" };
    expect((await send("/session", { apiKey }, foreign)).status).toBe(403);
    const signedIn = await send("/session", { apiKey }, page);
    const cookie = String(signedIn.headers["set-cookie"]).split(";")[0] ?? "";
    expect([signedIn.status, cookie]).toEqual([204, expect.stringMatching(/^__Host-windlass=wdl_web_/)]);
    const whoAmI = "/windlass.v1.SystemService/WhoAmI";
    expect((await send(whoAmI, {}, { ...page, cookie })).status).toBe(200);
    expect((await send(whoAmI, {}, { ...foreign, cookie })).status).toBe(403);
    expect((await send("/download/audit.csv", undefined, { cookie })).text).toMatch(/^time,actor/);
  });
});
