import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { able, found } from "../networks/found.ts";
import type { Program } from "../support/programs.ts";
import { until } from "../support/until.ts";
import { DebianRoot } from "./debian-root.ts";

// A Debian is fetched, and Node is packed three times.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 600_000 });

const root = resolve(import.meta.dirname, "../..");
const run = promisify(execFile);
const debootstrap = found("debootstrap", "debootstrap");
const asRoot = able("a Debian in a directory", process.getuid?.() === 0, "root");
const describeDebian = debootstrap.describe === asRoot.describe ? asRoot.describe : asRoot.describe.skip;

describeDebian("a Debian without Node and npm", () => {
  const held = new AsyncDisposableStack();
  let debian: DebianRoot;
  let server: Program;
  let agent: Program;
  let url: string;

  beforeAll(async () => {
    const out = await mkdtemp(join(tmpdir(), "windlass-debs-"));
    held.defer(() => rm(out, { recursive: true, force: true }));
    const arch = process.arch;
    await run(join(root, "scripts/release"), [
      "1.0.0",
      "--arch",
      arch,
      "--only",
      "deb",
      "--out",
      out,
      "--compression",
      "1",
    ]);
    debian = held.use(await DebianRoot.make());
    const debianArch = arch === "x64" ? "amd64" : arch;
    for (const name of ["windlass", "windlass-server", "windlass-agent"])
      await debian.bring(join(out, `${name}_1.0.0_${debianArch}.deb`), `root/${name}.deb`);
    const { stdout } = await run("sh", ["-c", 'readlink -f "$(command -v terraform)"']);
    await debian.bring(stdout.trim(), "usr/local/bin/terraform");
    await debian.bring(join(root, "examples/hello"), "root/hello");
  });
  afterAll(() => held.disposeAsync());

  const startServer = async (listen: string) => {
    const env = { STATE_DIRECTORY: "/var/lib/windlass", WINDLASS_SERVER_CONFIG: "/etc/windlass/server.yaml" };
    const args = ["--listen", listen, "--log-format", "json"];
    server = debian.start("windlass", ["/usr/bin/windlassd", ...args], { env });
    return (await server.says(/"url":"([^"]+)"[^\n]*windlassd is ready/))[1] ?? "";
  };
  const startAgent = async () => {
    const env = { STATE_DIRECTORY: "/var/lib/windlass-agent", WINDLASS_ADDRESS: url };
    const args = ["--token-file", "/etc/windlass/agent-token", "--sandbox", "none", "--log-format", "json"];
    const small = ["--min-free-disk", "1MiB", "--disk-reserve", "1MiB", "--no-engine-download"];
    agent = debian.start("windlass-agent", ["/usr/bin/windlass-agent", ...args, ...small], { env });
    await until("an agent is there", async () => (await cli("agent list -o json")).includes("AGENT_STATUS_IDLE"));
  };
  const cli = (line: string) =>
    debian.sh(`WINDLASS_ADDRESS=${url} WINDLASS_TOKEN_FILE=/var/lib/windlass/admin-token windlass ${line}`);

  test("packages install, with users and directories of their own, and start nothing", async () => {
    expect(await debian.sh("command -v node || echo none")).toBe("none\n");
    await debian.sh("dpkg --install /root/*.deb");
    expect(await debian.sh("stat --format '%U %a' /var/lib/windlass /var/lib/windlass-agent")).toBe(
      "windlass 700\nwindlass-agent 700\n",
    );
    expect(await debian.sh("windlass version && windlassd --version && windlass-agent --version")).toMatch(
      /^windlass 1\.0\.0 .*\nwindlassd 1\.0\.0\nwindlass-agent 1\.0\.0\n$/,
    );
  });

  test("they run the first story, from a pool to an apply", async () => {
    url = await startServer("127.0.0.1:0");
    await cli("pool create prod");
    await cli("workspace create network --engine terraform --pool prod");
    const steps = await cli("deploy systemd --pool prod --secret-file /root/token");
    expect(steps).toContain("windlass-agent_1.0.0_amd64.deb");
    await debian.sh("install -m 600 -o windlass-agent /root/token /etc/windlass/agent-token");
    await startAgent();
    await cli("var set -w network name=people");
    expect(await cli("run start network --dir /root/hello --yes 2>&1")).toMatch(/Apply complete/);
  });

  test("an upgrade keeps data, changed settings and what runs", async () => {
    await debian.sh("echo '# changed' >> /etc/default/windlass-agent");
    await debian.sh(
      "cd /root && for name in windlass windlass-server windlass-agent; do dpkg-deb --raw-extract $name.deb t && sed -i 's/^Version: .*/Version: 1.0.1/' t/DEBIAN/control && dpkg-deb -Znone --build t $name-next.deb && rm -r t; done",
    );
    await debian.sh("dpkg --install --force-confdef --force-confold /root/*-next.deb");
    expect(await debian.sh("tail -n 1 /etc/default/windlass-agent")).toBe("# changed\n");
    // What ran before goes on, although its files are others now.
    expect(await cli("run list -w network")).toMatch(/applied/i);
    for (const program of [agent, server]) await program.stop("SIGTERM");
    expect(await startServer(new URL(url).host)).toBe(url);
    await startAgent();
    expect(await cli("run start network --dir /root/hello --yes 2>&1")).toMatch(/No changes|Apply complete/);
  });

  test("removing them keeps the data, and installing them again finds it", async () => {
    for (const program of [agent, server]) await program.stop("SIGTERM");
    await debian.sh("dpkg --purge windlass-server windlass-agent");
    expect(await debian.sh("command -v windlassd windlass-agent || echo gone")).toBe("gone\n");
    expect((await stat(join(debian.directory, "var/lib/windlass/admin-token"))).isFile()).toBe(true);
    await debian.sh("dpkg --install /root/windlass-server-next.deb");
    url = await startServer("127.0.0.1:0");
    expect(await cli("run list -w network")).toMatch(/applied/i);
    expect(await readFile(join(debian.directory, "etc/windlass/server.yaml"), "utf8")).toContain("windlassd");
    await server.stop("SIGTERM");
  });
});
