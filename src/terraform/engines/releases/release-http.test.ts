import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ReleaseMirror, sha256 } from "../../../../test/support/release-mirror.ts";
import { systemClock } from "../../../lib/clock.ts";
import { ReleaseHttp } from "./release-http.ts";

const limits = { maxBytes: 1000, deadlineMs: 20_000 };
const { signal } = new AbortController();

let held: AsyncDisposableStack;
let mirror: ReleaseMirror;
let http: ReleaseHttp;
beforeEach(async () => {
  held = new AsyncDisposableStack();
  mirror = held.use(await ReleaseMirror.open());
  http = held.use(new ReleaseHttp(systemClock, undefined));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await held.disposeAsync();
});

const at = (path: string) => new URL(mirror.url + path);
const read = (path: string) => http.read(at(path), limits, signal);
const redirect = (path: string, location: string) =>
  mirror.answers.set(path, (_request, response) => response.writeHead(302, { location }).end("go there"));

describe("getting a file", () => {
  test("answers its bytes, or undefined when it is not there", async () => {
    mirror.files.set("/a", Buffer.from("hello"));
    expect(Buffer.from((await read("/a")) ?? []).toString()).toBe("hello");
    expect(await read("/b")).toBeUndefined();
  });

  test("writes a large one to the disk and answers its SHA-256", async () => {
    const dir = await mkdtemp(join(tmpdir(), "windlass-http-"));
    held.defer(() => rm(dir, { recursive: true }));
    const content = Buffer.alloc(3_000_000, "windlass");
    mirror.files.set("/a", content);
    const into = join(dir, "a");
    expect(await http.save({ url: at("/a"), into, ...limits, maxBytes: 3_000_000 }, signal)).toBe(sha256(content));
    expect((await readFile(into)).equals(content)).toBe(true);
  });

  test.each([
    [500, "storage_unavailable"],
    [429, "storage_unavailable"],
    [403, "validation"],
  ])("status %i is %s, and says the address and the status", async (status, code) => {
    mirror.answers.set("/a", (_request, response) => response.writeHead(status).end());
    await expect(read("/a")).rejects.toMatchObject({
      code,
      message: `${mirror.url}/a cannot be read: the server answers with status ${status}`,
    });
  });

  test("too much is refused, announced or not", async () => {
    mirror.files.set("/announced", Buffer.alloc(1001));
    mirror.answers.set("/silent", (_request, response) => {
      response.writeHead(200);
      for (let part = 0; part < 11; part++) response.write(Buffer.alloc(100));
      response.end();
    });
    for (const path of ["/announced", "/silent"])
      await expect(read(path)).rejects.toMatchObject({
        code: "upload_too_large",
        message: expect.stringContaining(path),
      });
  });

  test.each(["with a length", "in chunks"])("a connection that is cut is an error (%s)", async (form) => {
    mirror.answers.set("/a", (_request, response) => {
      response.writeHead(200, form === "with a length" ? { "content-length": 500 } : {});
      response.write(Buffer.alloc(100));
      setImmediate(() => response.destroy());
    });
    await expect(read("/a")).rejects.toMatchObject({ code: "storage_unavailable" });
  });

  test("one that never ends is given up, and one that nobody wants any more is left", async () => {
    mirror.answers.set("/a", (_request, response) => void response.writeHead(200).write("x"));
    await expect(http.read(at("/a"), { ...limits, deadlineMs: 100 }, signal)).rejects.toMatchObject({
      code: "storage_unavailable",
      message: expect.stringContaining("not done after 0.1 s"),
    });
    const leaving = new AbortController();
    const reading = http.read(at("/a"), limits, leaving.signal);
    leaving.abort(new Error("the agent stops"));
    await expect(reading).rejects.toThrow("the agent stops");
  });

  test("nobody at the address is an error that may pass", async () => {
    const { url } = mirror;
    await mirror[Symbol.asyncDispose]();
    await expect(http.read(new URL(`${url}/a`), limits, signal)).rejects.toMatchObject({
      code: "storage_unavailable",
      message: expect.stringContaining("ECONNREFUSED"),
    });
    mirror = held.use(await ReleaseMirror.open());
  });
});

describe("redirects", () => {
  test("are followed, relative ones too, but not for ever", async () => {
    mirror.files.set("/c", Buffer.from("here"));
    redirect("/a", "/b");
    redirect("/b", `${mirror.url}/c`);
    expect(Buffer.from((await read("/a")) ?? []).toString()).toBe("here");
    redirect("/round", "/round");
    await expect(read("/round")).rejects.toThrow("more than 5");
  });

  test("lead nowhere but to http(s)", async () => {
    redirect("/a", "file:///etc/passwd");
    await expect(read("/a")).rejects.toThrow(`${mirror.url}/a redirects to file:///etc/passwd: only https is followed`);
    redirect("/b", "");
    await expect(read("/b")).rejects.toThrow();
  });

  test("from https do not lead to plain http elsewhere", async () => {
    const secure = held.use(await ReleaseMirror.open({ tls: true }));
    const trusting = held.use(new ReleaseHttp(systemClock, [secure.ca]));
    secure.files.set("/a", Buffer.from("encrypted"));
    secure.answers.set("/b", (_request, response) =>
      response.writeHead(302, { location: "http://mirror.example.com/b" }).end(),
    );
    expect(Buffer.from((await trusting.read(new URL(`${secure.url}/a`), limits, signal)) ?? []).toString()).toBe(
      "encrypted",
    );
    await expect(trusting.read(new URL(`${secure.url}/b`), limits, signal)).rejects.toThrow("only https is followed");
    await expect(http.read(new URL(`${secure.url}/a`), limits, signal)).rejects.toMatchObject({
      code: "storage_unavailable",
      message: expect.stringMatching(/certificate/),
    });
  });

  test("take user and password along only within the place that they are for", async () => {
    const other = held.use(await ReleaseMirror.open());
    other.files.set("/x", Buffer.from("x"));
    redirect("/a", "/b");
    redirect("/b", `${other.url}/x`);
    const asked = at("/a");
    asked.username = "me";
    asked.password = "p@ss";
    await http.read(asked, limits, signal);
    const expected = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
    expect(mirror.headers.map(({ authorization }) => authorization)).toEqual([expected, expected]);
    expect(other.headers.map(({ authorization }) => authorization)).toEqual([undefined]);
    mirror.answers.set("/a", (_request, response) => response.writeHead(403).end());
    await expect(http.read(asked, limits, signal)).rejects.toThrow(`${mirror.url}/a cannot be read`);
  });
});

test("the proxy of the environment is used, except where no_proxy says otherwise", async () => {
  const seen: string[] = [];
  const proxy = createServer((request, response) => {
    seen.push(request.url ?? "");
    response.end("from the proxy");
  });
  proxy.on("connect", (request, socket) => {
    const [host = "", port] = (request.url ?? "").split(":");
    seen.push(request.url ?? "");
    const onward = connect(Number(port), host, () => socket.write("HTTP/1.1 200 OK\r\n\r\n"));
    onward.pipe(socket).pipe(onward);
    socket.on("error", () => onward.destroy());
    onward.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  held.defer(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const { port } = proxy.address() as { port: number };
  for (const name of ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"])
    vi.stubEnv(name, `http://127.0.0.1:${port}`);
  for (const name of ["no_proxy", "NO_PROXY"]) vi.stubEnv(name, "");
  const proxied = held.use(new ReleaseHttp(systemClock, undefined));
  const answer = await proxied.read(new URL("http://mirror.example.com/a"), limits, signal);
  expect(Buffer.from(answer ?? []).toString()).toBe("from the proxy");
  expect(seen).toEqual([expect.stringContaining("mirror.example.com")]);

  for (const name of ["no_proxy", "NO_PROXY"]) vi.stubEnv(name, "127.0.0.1");
  const direct = held.use(new ReleaseHttp(systemClock, undefined));
  mirror.files.set("/a", Buffer.from("from the mirror"));
  expect(Buffer.from((await direct.read(at("/a"), limits, signal)) ?? []).toString()).toBe("from the mirror");
});
