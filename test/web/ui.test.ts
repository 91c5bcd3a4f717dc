import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Networks, noNetworks } from "../../src/lib/net/networks.ts";
import { systemRandom } from "../../src/lib/random.ts";
import { newId } from "../../src/lib/words/ids.ts";
import { toTfeId } from "../../src/tfe/core/ids.ts";
import { readWebFiles, type WebFiles } from "../../src/web/files.ts";
import { openTestWeb, type TestWeb } from "../support/web.ts";

const page = `<!doctype html><title>Windlass</title>${"<p>a page</p>".repeat(200)}`;
const script = `export const a = 1;${"// a script\n".repeat(200)}`;
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

let directory: string;
let files: WebFiles;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "windlass-web-"));
  const built = join(directory, "web");
  await mkdir(join(built, "assets"), { recursive: true });
  await writeFile(join(built, "index.html"), page);
  await writeFile(join(built, "favicon.svg"), "<svg/>");
  await writeFile(join(built, "assets/index-1a2b.js"), script);
  await writeFile(join(built, "assets/index-3c4d.css"), "a{}");
  await writeFile(join(built, "assets/logo.png"), "png");
  await writeFile(join(built, ".hidden"), "hidden");
  await writeFile(join(directory, "secret.txt"), "secret");
  await symlink(join(directory, "secret.txt"), join(built, "assets/link.txt"));
  const found = readWebFiles(built);
  if (found.kind !== "found") throw new Error(found.why);
  files = found.files;
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe.each([
  ["HTTP/1.1 in clear", { isSecure: false }],
  ["HTTP/2 over TLS", { isSecure: true }],
])("over %s", (_name, options) => {
  let web: TestWeb;
  beforeAll(async () => {
    web = await openTestWeb({ ...options, files });
  });
  afterAll(() => web[Symbol.asyncDispose]());

  test.each(["/", "/login", "/o/acme", "/o/acme/runs/run_1?tab=plan", "/settings", "/settings/keys"])(
    "%s is a page of the UI: looked for anew each time, under the strict policy",
    async (path) => {
      const answer = await web.send(path);
      expect(answer).toMatchObject({ status: 200, text: page });
      expect(answer.headers).toMatchObject({
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-cache",
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
      });
      expect(answer.headers).not.toHaveProperty("access-control-allow-origin");
      const again = await web.send(path, { headers: { "if-none-match": answer.headers.etag ?? "" } });
      expect([again.status, again.text, again.headers["content-security-policy"]]).toEqual([304, "", policy]);
      const head = await web.send(path, { method: "HEAD" });
      expect([head.status, head.text, head.headers["content-length"]]).toEqual([200, "", String(page.length)]);
    },
  );

  test("what has its content in its name is kept for a year, and comes compressed as it is asked for", async () => {
    const asked = (encodings: string) =>
      web.send("/assets/index-1a2b.js", { headers: { "accept-encoding": encodings } });
    const plain = await web.send("/assets/index-1a2b.js");
    expect(plain.headers).toMatchObject({
      ...{ "content-type": "text/javascript; charset=utf-8", vary: "accept-encoding" },
      "cache-control": "public, max-age=31536000, immutable",
    });
    const [brotli, zipped, refused] = [await asked("gzip, deflate, br"), await asked("gzip"), await asked("br;q=0")];
    expect([brotli, zipped, refused].map(({ headers }) => headers["content-encoding"])).toEqual([
      "br",
      "gzip",
      undefined,
    ]);
    expect(brotliDecompressSync(brotli.bytes).toString()).toBe(script);
    expect(gunzipSync(zipped.bytes).toString()).toBe(script);
    expect([plain.text, refused.text]).toEqual([script, script]);
    expect(new Set([plain, brotli, zipped].map(({ headers }) => headers.etag)).size).toBe(1);
    const small = await web.send("/assets/index-3c4d.css", { headers: { "accept-encoding": "br" } });
    expect([small.text, small.headers["content-encoding"], small.headers.vary]).toEqual(["a{}", undefined, undefined]);
    expect((await web.send("/favicon.svg")).headers).toMatchObject({
      ...{ "content-type": "image/svg+xml", "cache-control": "no-cache" },
    });
    expect((await web.send("/assets/logo.png")).headers["content-type"]).toBe("image/png");
  });

  test.each([
    ["/assets/index-0000.js", "an older build had it"],
    ["/assets/", "a directory"],
    ["/assets/../index.html", "a way up"],
    ["/assets/%2e%2e/secret.txt", "a way up, encoded"],
    ["/assets/..%2f..%2fsecret.txt", "another one"],
    ["/assets/....//secret.txt", "a third one"],
    ["/assets/link.txt", "a link out of the directory"],
    ["/assets/index-1a2b.js/", "below a file"],
    ["/assets//index-1a2b.js", "with an empty part"],
  ])("%s is no file of the UI, and no page: %s", async (path) => {
    const answer = await web.send(path);
    expect(answer.status).toBe(404);
    expect(answer.text).not.toMatch(/secret$|<!doctype|export const/);
    expect(answer.headers["cache-control"]).toBe("no-store");
  });

  test.each([
    "/.hidden",
    "/index.html",
    "/secret.txt",
    "/other",
    "/ox",
    "/loginx",
    "/../secret.txt",
    "/\\..\\secret.txt",
  ])("%s is nobody's", async (path) => {
    const answer = await web.send(path);
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([404, "not_found"]);
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS"] as const)("%s asks for no page", async (method) => {
    const answer = await web.send("/o/acme", { method, headers: { origin: "https://evil.example" } });
    expect(answer.status).toBe(404);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
  });

  test("what the terraform program prints leads to the page of the same thing", async () => {
    const id = newId("run", systemRandom);
    const run = `/o/acme/runs/${id}`;
    const pages: Readonly<Record<string, string>> = {
      [`/app/acme/network/runs/${toTfeId(id)}`]: run,
      [`/app/acme/workspaces/network/runs/${toTfeId(id)}`]: run,
      [`/app/acme/network/runs/${id}`]: run,
      "/app/acme/workspaces/network": "/o/acme/ws/network",
      "/app/acme/network": "/o/acme/ws/network",
      "/app/acme/network/": "/o/acme/ws/network",
      "/app/acme/network/runs": "/o/acme/ws/network/runs",
      "/app/acme/network/states": "/o/acme/ws/network/state",
      "/app/acme/workspaces": "/o/acme/ws",
      "/app/acme": "/o/acme",
      "/app/a%20b/c%2Fd": "/o/a%20b/ws/c%2Fd",
      "/app//evil.example": "",
      "/app/acme/network/runs/run-1": "",
      "/app/acme/network/other/x/y": "",
      "/app/%ff/network": "",
      "/app/../x": "",
    };
    for (const [path, location] of Object.entries(pages)) {
      const { status, headers } = await web.send(path);
      expect([path, status, headers.location ?? ""]).toEqual([path, location === "" ? 404 : 302, location]);
    }
    const tokens = await web.send("/app/settings/tokens?source=terraform-login");
    expect([tokens.status, tokens.text]).toEqual([200, expect.stringContaining("A token to paste")]);
  });

  test("names of this machine are not tied to TLS", async () => {
    expect((await web.send("/")).headers).not.toHaveProperty("strict-transport-security");
  });
});

const proxy: Networks = { ...noNetworks, has: (address) => address === "127.0.0.1" };
const throughProxy = { "x-forwarded-proto": "https", "x-forwarded-host": "windlass.example.com" };

test("who came by TLS, through a proxy that is believed, comes by nothing else", async () => {
  const trust = { proxies: proxy, header: "auto", hasProxyProtocol: false } as const;
  await using web = await openTestWeb({ files, trust });
  expect((await web.send("/", { headers: throughProxy })).headers["strict-transport-security"]).toBe(
    "max-age=31536000",
  );
  await using named = await openTestWeb({ files, publicUrl: "https://windlass.example.com" });
  expect((await named.send("/")).headers["strict-transport-security"]).toBe("max-age=31536000");
  await using stranger = await openTestWeb({ files });
  expect((await stranger.send("/", { headers: throughProxy })).headers).not.toHaveProperty("strict-transport-security");
});

test("below a path there is no UI, as its cookie would go to all else on the host", async () => {
  await using web = await openTestWeb({ files, pathPrefix: "/windlass" });
  const below = await web.send("/windlass/");
  expect([below.status, below.text]).toEqual([503, expect.stringContaining("a host name of its own")]);
  const { secret } = await web.key("owner");
  const refused = await web.post("/windlass/session", { apiKey: secret });
  expect([refused.status, refused.headers["set-cookie"]]).toEqual([403, undefined]);
  expect((await web.send("/")).text).toBe(page);
});

test("a UI that was not built is told on its page, and why", async () => {
  await using web = await openTestWeb();
  const answer = await web.send("/o/acme");
  expect([answer.status, answer.text]).toEqual([503, expect.stringContaining("npm run build -w web")]);
  expect(answer.headers).toMatchObject({ "content-security-policy": policy, "cache-control": "no-store" });
  expect((await web.send("/assets/index-1a2b.js")).status).toBe(404);
  expect(readWebFiles(join(directory, "nowhere"))).toEqual({ kind: "missing", why: "it was not built" });
  expect(readWebFiles(join(directory, "web/assets"))).toEqual({ kind: "missing", why: "it has no index.html" });
});
