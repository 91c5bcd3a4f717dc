import { execFile } from "node:child_process";
import { createPublicKey, verify } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Manifest, type ManifestSignatures, signManifest } from "../../scripts/releasing/manifest.ts";
import { RunState } from "../../src/gen/windlass/v1/run_pb.ts";
import { openScene, type Scene } from "../support/scene.ts";

// Node is packed three times.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const root = resolve(import.meta.dirname, "../..");
const version = "9.8.7-rc.1";
const run = promisify(execFile);
let out: string;
let scene: Scene;

/** Everything of a release for this processor. */
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "windlass-release-"));
  await run(join(root, "scripts/release"), [version, "--arch", process.arch, "--out", out, "--compression", "1"]);
  scene = await openScene();
});
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
  await rm(out, { recursive: true, force: true });
});

const path = (name: string): string => join(out, name);
const debian = process.arch === "x64" ? "amd64" : process.arch;

test("there is everything that the page about installing names", async () => {
  const linux = `${version}-linux-${process.arch}`;
  const named = version.replace("-", "~");
  expect((await readdir(out)).toSorted()).toEqual(
    [
      ...[
        "SHA256SUMS",
        "manifest.json",
        "manifest.json.sig",
        `windlass-${version}.cdx.json`,
        `windlass-npm-${version}.tgz`,
      ],
      ...["windlass", "windlassd", "windlass-agent"].map((program) => `${program}-${linux}.tar.gz`),
      ...["windlass", "windlass-agent"].map((program) => `${program}-${linux}`),
      ...["windlass", "windlass-server", "windlass-agent"].map((name) => `${name}_${named}_${debian}.deb`),
      ...(await readdir(out)).filter((name) => name.startsWith("windlass-protos-")),
    ].toSorted(),
  );
  await run("sha256sum", ["--check", "--strict", "SHA256SUMS"], { cwd: out });
});

test("the manifest names what agents take, and two keys of the tests have signed it", async () => {
  const bytes = await readFile(path("manifest.json"));
  const manifest: Manifest = JSON.parse(bytes.toString());
  const file = `windlass-agent-${version}-linux-${process.arch}.tar.gz`;
  const { size } = await stat(path(file));
  expect(manifest.releases).toMatchObject([{ version, artifacts: [{ os: "linux", arch: process.arch, file, size }] }]);
  const { signatures }: ManifestSignatures = JSON.parse(await readFile(path("manifest.json.sig"), "utf8"));
  const pems = await Promise.all(
    [1, 2, 3].map((number) => readFile(join(root, `packaging/keys/test-${number}.pem`), "utf8")),
  );
  const good = pems.filter((pem, at) =>
    verify(null, bytes, createPublicKey(pem), Buffer.from(signatures[at]?.signature ?? "", "base64")),
  );
  expect(good).toHaveLength(3);
  expect(() => signManifest(bytes, [pems[0] ?? "", pems[0] ?? ""])).toThrow("2 signatures of different keys");
});

test("the bill of materials names Node and every package that is in it, each once", async () => {
  const { components } = JSON.parse(await readFile(path(`windlass-${version}.cdx.json`), "utf8"));
  const refs: string[] = components.map((part: { "bom-ref": string }) => part["bom-ref"]);
  expect(new Set(refs).size).toBe(refs.length);
  const names = components.map((part: { name: string }) => part.name);
  expect(names).toEqual(expect.arrayContaining(["node", "better-sqlite3", "@connectrpc/connect", "yargs", "react"]));
  expect(names).not.toContain("vitest");
});

describe("the first story, with what was released", () => {
  const environment = { PATH: "/usr/bin:/bin" };
  const single = (program: string): string => path(`${program}-${version}-linux-${process.arch}`);

  test("an archive is the server, one file the agent, one the client", async () => {
    await run("tar", ["-xzf", `${single("windlassd")}.tar.gz`, "-C", scene.directory]);
    const unpacked = join(scene.directory, basename(single("windlassd")), "bin/windlassd");
    const server = await scene.server({ env: environment, within: insteadOf(unpacked) });
    const pool = await server.api.pool();
    const { secret } = await server.api.token(pool);
    await scene.agent(server, {
      ...{ pool, token: secret, name: "one-file" },
      // Terraform is not where a machine without anything else has it.
      args: ["--engine-path", await realTerraform()],
      env: environment,
      within: insteadOf(single("windlass-agent")),
    });
    const workspace = await server.api.workspace({ agentPool: pool });
    await server.api.upload(workspace, await scene.configuration("hello"));
    expect((await server.api.applied(workspace)).state).toBe(RunState.APPLIED);
    const { stdout } = await run(single("windlass"), ["run", "list", "-w", workspace], {
      env: { ...environment, WINDLASS_ADDRESS: server.url, WINDLASS_TOKEN_FILE: server.adminTokenFile },
    });
    expect(stdout).toMatch(/applied/i);
    expect((await fetch(new URL("/", server.url))).headers.get("content-type")).toMatch(/text\/html/);
  });

  test("a token in the environment of one file is seen by nobody", async () => {
    const server = await scene.server();
    const pool = await server.api.pool();
    const { secret } = await server.api.token(pool);
    const args = ["--address", server.url, "--name", "hidden", "--data-dir", join(scene.directory, "hidden")];
    const agent = scene.start(
      "windlass-agent",
      [...args, "--no-engine-download", "--log-format", "json"],
      {
        ...environment,
        WINDLASS_AGENT_TOKEN: secret,
      },
      insteadOf(single("windlass-agent")),
    );
    await agent.says(/waiting for next job/);
    for (const name of ["environ", "cmdline"])
      expect(await readFile(`/proc/${agent.pid}/${name}`, "utf8")).not.toContain(secret);
  });

  test("the npm package is the client, and has the API for programs", async () => {
    const place = join(scene.directory, "npm");
    await mkdir(place);
    await writeFile(join(place, "package.json"), '{ "private": true, "type": "module" }');
    await run("npm", ["install", "--silent", "--no-audit", "--no-fund", path(`windlass-npm-${version}.tgz`)], {
      cwd: place,
    });
    const node = { cwd: place, env: { ...process.env, HOME: place } };
    expect((await run(process.execPath, ["node_modules/windlass/bin/windlass.cjs", "version"], node)).stdout).toContain(
      version,
    );
    await writeFile(
      join(place, "own.js"),
      'import { RunService } from "windlass";\nconsole.log(RunService.typeName);\n',
    );
    expect((await run(process.execPath, ["own.js"], node)).stdout).toBe("windlass.v1.RunService\n");
  });
});

/** Starts another program with the same words. */
const insteadOf =
  (command: string) =>
  ([, ...args]: readonly string[]) => ({ command, args });

async function realTerraform(): Promise<string> {
  const { stdout } = await run("sh", ["-c", "command -v terraform"]);
  return realpath(stdout.trim());
}
