import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestDatabase, hasPostgres } from "./postgres.ts";
import { Api } from "./support/api.ts";
import { selfSigned } from "./support/certificate.ts";
import { openScene, type Scene } from "./support/scene.ts";
import { useStage } from "./support/stage.ts";
import { until } from "./support/until.ts";
import { windlassd, windlassdOf } from "./support/windlassd.ts";

describe("windlassd", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await openScene();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  test("names its commands, explains each, and suggests what was meant", async () => {
    const help = await windlassd(scene, ["--help"]);
    const names = ["doctor", "migrate", "backup", "restore", "gc", "rotate-key", "admin-token", "config"];
    for (const name of names) expect(help.stdout).toContain(`windlassd ${name}`);
    expect(await windlassd(scene, ["help", "backup"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: windlassd backup FILE\|- \[--with-key\][^\n]*\n[\s\S]*--with-key/),
    });
    const gc = (await windlassd(scene, ["help", "gc"])).stdout;
    const flagsOf = (text: string) => [...text.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, flag = ""]) => flag);
    expect(flagsOf(gc)).toEqual(expect.arrayContaining(["--keep-runs", "--data-dir", "--dry-run", "--database-url"]));
    expect(flagsOf(gc)).not.toContain("--listen");
    expect(flagsOf(help.stdout)).toContain("--listen");
    expect(await windlassd(scene, ["bakcup"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("did you mean backup?"),
    });
    expect(await windlassd(scene, ["gc", "--dry-rum"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("did you mean --dry-run?"),
    });
    expect(await windlassd(scene, ["backup"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("expected FILE"),
    });
  });

  test("refuses a place where nothing can be made, at once", async () => {
    const answer = await windlassd(scene, ["--data-dir", "/proc/nope"]);
    expect(answer).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("data directory /proc/nope cannot be used"),
    });
  });

  test.each([
    ["a port in use", 1, "is in use by another program", []],
    ["plaintext for everybody", 2, "--allow-plaintext", ["--listen", "0.0.0.0:0"]],
    ["a missing certificate", 2, "cannot be read", ["--tls-cert-file", "/nowhere", "--tls-key-file", "/nowhere"]],
  ] as const)("finds %s before it makes keys, tokens and a database", async (_name, code, said, more) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" ? address?.port : 0;
    const dataDir = join(scene.directory, `first-${code}-${more.length}`);
    try {
      const answer = await windlassd(scene, ["--data-dir", dataDir, "--listen", `127.0.0.1:${port}`, ...more]);
      expect(answer).toMatchObject({ code, stderr: expect.stringContaining(said) });
    } finally {
      await new Promise((resolve) => taken.close(resolve));
    }
    expect((await readdir(dataDir)).filter((name) => !name.startsWith("lock."))).toEqual([]);
  });

  test("shows its settings and where they come from; a file has the flags' names, and no others", async () => {
    const file = join(scene.directory, "windlass.yaml");
    await writeFile(file, "listen: 127.0.0.1:9000\nkeep-runs: 90d\nheartbeat-interval: 5s\n");
    const env = { WINDLASS_HEARTBEAT_INTERVAL: "7s", WINDLASS_DATABASE_URL: "postgres://me:hunter2@db/windlass" };
    const args = ["config", "print", "--config", file, "--listen", "127.0.0.1:9001"];
    const shown = await windlassd(scene, [...args, "--origin", "-o", "json"], env);
    expect(shown, shown.stderr).toMatchObject({ code: 0 });
    expect(JSON.parse(shown.stdout)).toMatchObject({
      listen: { value: "127.0.0.1:9001", origin: "--listen" },
      "heartbeat-interval": { value: "7s", origin: "WINDLASS_HEARTBEAT_INTERVAL" },
      "keep-runs": { value: "90d", origin: `${file}: keep-runs` },
      "database-url": { value: "********", origin: "WINDLASS_DATABASE_URL" },
      "shutdown-timeout": { value: "30s", origin: "default" },
    });
    expect(shown.stdout).not.toContain("hunter2");
    const yaml = await windlassd(scene, ["config", "print", "--config", file]);
    await writeFile(file, yaml.stdout);
    expect((await windlassd(scene, ["config", "print", "--config", file])).stdout).toBe(yaml.stdout);
    await writeFile(file, "listne: 127.0.0.1:9000\n");
    expect(await windlassd(scene, ["config", "print", "--config", file])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("listne is not a setting: did you mean listen?"),
    });
  });

  test("says whether the database is up to date, and upgrades it when told", async () => {
    const dataDir = join(scene.directory, "schema");
    await mkdir(dataDir);
    const migrate = (...more: readonly string[]) => windlassd(scene, ["migrate", "--data-dir", dataDir, ...more]);
    expect(await migrate("--check")).toMatchObject({
      code: 5,
      stdout: expect.stringMatching(/^schema version 0 of \d+: not/),
    });
    const start = await windlassd(scene, ["--data-dir", dataDir, "--listen", "127.0.0.1:0", "--migrate", "check"]);
    expect(start).toMatchObject({ code: 5, stderr: expect.stringContaining("run windlassd migrate") });
    expect(await migrate()).toMatchObject({ code: 0, stdout: expect.stringContaining("up to date") });
    expect(await migrate("--check")).toMatchObject({ code: 0 });
  });

  test("reads its certificate again on SIGHUP, and keeps the old one if the new one is bad", async () => {
    const [certFile, keyFile] = [join(scene.directory, "tls.crt"), join(scene.directory, "tls.key")];
    const put = async () => {
      const { cert, key } = selfSigned(new Date());
      await writeFile(certFile, cert);
      await writeFile(keyFile, key);
      return cert;
    };
    const shown = async (port: number) => {
      const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
      try {
        await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
        return socket.getPeerX509Certificate()?.toString() ?? "";
      } finally {
        socket.destroy();
      }
    };
    const first = await put();
    const args = ["--data-dir", join(scene.directory, "tls"), "--listen", "127.0.0.1:0", "--log-format", "json"];
    const tls = ["--tls-cert-file", certFile, "--tls-key-file", keyFile, "--server-agent-concurrency", "0"];
    const program = scene.start("windlassd", [...args, ...tls]);
    const [, port] = await program.says(/"url":"https:\/\/127.0.0.1:(\d+)"[^\n]*is ready/);
    expect(await shown(Number(port))).toBe(first);
    const second = await put();
    program.signal("SIGHUP");
    await until("the new certificate is shown", async () => (await shown(Number(port))) === second);
    await writeFile(keyFile, "no key");
    program.signal("SIGHUP");
    await program.says(/the certificate stays as it was/);
    expect(await shown(Number(port))).toBe(second);
    expect(await program.stop("SIGTERM")).toMatchObject({ code: 0 });
    // A log whose last line is another one is of a server that was killed.
    expect(program.stderr()).toMatch(/"exitCode":0,"msg":"stopped"\}\n$/);
  });
});

describe("beside a server", () => {
  const stage = useStage();

  test("the admin's key is replaced: the old one is refused, the new one stands in the file", async () => {
    const { scene, server } = stage;
    const old = await readFile(server.adminTokenFile, "utf8");
    const path = await windlassdOf(scene, server, ["admin-token"]);
    expect(path).toMatchObject({ code: 0, stdout: `${server.adminTokenFile}\n` });
    const rotated = await windlassdOf(scene, server, ["admin-token", "--rotate"]);
    expect(rotated, rotated.stderr).toMatchObject({ code: 0 });
    const fresh = await readFile(server.adminTokenFile, "utf8");
    expect(fresh).toMatch(/^wdl_usr_/);
    expect(fresh).not.toBe(old);
    expect((await stat(server.adminTokenFile)).mode & 0o777).toBe(0o600);
    await expect(server.api.workspace()).rejects.toThrow(/revoked/);
    using api = new Api(server.url, fresh.trim());
    await api.workspace();
  });

  test("doctor finds everything well, also once it has stopped, and what is not", async () => {
    const { scene, server } = stage;
    const doctor = async (...more: readonly string[]) => {
      const answer = await windlassdOf(scene, server, [
        "doctor",
        "-o",
        "json",
        "--listen",
        new URL(server.url).host,
        "--server-agent-concurrency",
        "0",
        ...more,
      ]);
      const checks: readonly { readonly id: string; readonly status: string }[] = JSON.parse(answer.stdout);
      return {
        code: answer.code,
        failed: checks.filter(({ status }) => status === "fail").map(({ id }) => id),
        checks,
      };
    };
    const running = await doctor();
    expect(running).toMatchObject({ code: 0, failed: [] });
    expect(running.checks.map(({ id }) => id)).toEqual([
      "data-dir",
      "disk",
      "database",
      "integrity",
      "free-room",
      "blobs",
      "retention",
      "master-key",
      "admin-key",
      "listen",
      "tls",
      "agents",
      "agent-releases",
      "sandbox",
      "engine",
      "cli-config",
      "pass-env",
      "providers",
      "provider-cache",
      "clock",
    ]);
    await server.stop("SIGTERM");
    expect(await doctor()).toMatchObject({ code: 0, failed: [] });
    const key = join(server.dataDir, "master.key");
    await rename(key, `${key}.away`);
    expect(await doctor("--tls-cert-file", "/nowhere", "--tls-key-file", "/nowhere")).toMatchObject({
      code: 1,
      failed: ["master-key", "tls"],
    });
    const start = await windlassd(scene, ["--data-dir", server.dataDir, "--listen", "127.0.0.1:0"]);
    expect(start).toMatchObject({ code: 2, stderr: expect.stringContaining("master.key is missing") });
    await rename(`${key}.away`, key);
    await rm(join(server.dataDir, "logs.db"));
    await writeFile(join(server.dataDir, "logs.db"), Buffer.alloc(8192, 7));
    expect((await doctor()).failed).toContain("integrity");
  });
});

test.skipIf(!hasPostgres)(
  "a second windlassd on one PostgreSQL database needs the master key of the first",
  async () => {
    await using scene = await openScene();
    await using database = await createTestDatabase();
    const call = (name: string) => [
      ...["--data-dir", join(scene.directory, name), "--database-url", database.url, "--listen", "127.0.0.1:0"],
      ...["--server-agent-concurrency", "0"],
    ];
    const first = scene.start("windlassd", call("one"));
    await first.says(/windlassd is ready/);
    const second = await windlassd(scene, call("two"));
    expect(second).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("this database was made with a master key: copy master.key from another server"),
    });
    expect(await readdir(join(scene.directory, "two"))).not.toContain("master.key");
    await first.stop("SIGKILL");
    const third = scene.start("windlassd", call("one"));
    await third.says(/windlassd is ready/);
    await third.stop("SIGTERM");
  },
);
