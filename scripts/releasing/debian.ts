import { chmod, copyFile, cp, mkdir, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { type Architecture, architectures, type Product } from "./product.ts";
import type { Packing } from "./tarball.ts";

/** What a Debian package is made of. */
export interface DebianOptions extends Packing {
  readonly root: string;
  /** The product as it is unpacked. */
  readonly place: string;
  readonly product: Product;
  readonly version: string;
  readonly arch: Architecture;
}

/** A service that a package brings. */
interface Service {
  readonly unit: string;
  readonly user: string;
  readonly home: string;
  /** Files of `packaging/debian`, and where they go. A change that somebody made to one survives upgrades. */
  readonly settings: Readonly<Record<string, string>>;
}

const services: Partial<Record<Product["program"], Service>> = {
  windlassd: {
    unit: "windlassd.service",
    user: "windlass",
    home: "/var/lib/windlass",
    settings: { "server.yaml": "/etc/windlass/server.yaml", "windlassd.default": "/etc/default/windlassd" },
  },
  "windlass-agent": {
    unit: "windlass-agent.service",
    user: "windlass-agent",
    home: "/var/lib/windlass-agent",
    settings: { "windlass-agent.default": "/etc/default/windlass-agent" },
  },
};

/** Makes a `.deb` of a product: below /usr/lib, with links in /usr/bin, its unit, its user and its settings. */
export async function packDebian(file: string, options: DebianOptions): Promise<void> {
  const { root, place, product, epochSeconds, compression } = options;
  const tree = `${file}.tree`;
  await rm(tree, { recursive: true, force: true });
  const library = `usr/lib/${product.packageName}`;
  const link = async (target: string, name: string) => {
    await mkdir(dirname(join(tree, name)), { recursive: true });
    await symlink(target, join(tree, name));
  };
  await cp(place, join(tree, library), { recursive: true });
  await cp(join(place, "share"), join(tree, "usr/share"), { recursive: true });
  await rm(join(tree, library, "share"), { recursive: true });
  // Its launcher starts what the package brings, and nothing else: apt updates it.
  if (product.updatesItself) await put(tree, `${library}/packaged`, "deb\n");
  await link(`../lib/${product.packageName}/bin/${product.program}`, `usr/bin/${product.program}`);
  await addDocumentation(tree, options);
  const service = services[product.program];
  if (service !== undefined) await addService(tree, root, service);
  await addControl(tree, options, service);
  await makePlain(tree, epochSeconds);
  try {
    // Of the usual compressions the one that every dpkg reads, and that does not take minutes.
    const args = ["--root-owner-group", "-Zgzip", `-z${compression}`, "--build", tree, file];
    await execa("dpkg-deb", args, { env: { SOURCE_DATE_EPOCH: String(epochSeconds) } });
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

async function put(tree: string, name: string, contents: string, mode = 0o644): Promise<void> {
  const path = join(tree, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, contents);
  await chmod(path, mode);
}

async function addDocumentation(tree: string, { product, place }: DebianOptions): Promise<void> {
  const directory = `usr/share/doc/${product.packageName}`;
  await mkdir(join(tree, directory), { recursive: true });
  await copyFile(join(place, "LICENSE"), join(tree, directory, "copyright"));
  await copyFile(join(place, "THIRD-PARTY-LICENCES.txt"), join(tree, directory, "THIRD-PARTY-LICENCES.txt"));
}

async function addService(tree: string, root: string, { unit, settings }: Service): Promise<void> {
  const text = (...path: readonly string[]) => readFile(join(root, "packaging", ...path), "utf8");
  await put(tree, `usr/lib/systemd/system/${unit}`, await text("systemd", unit));
  for (const [name, path] of Object.entries(settings)) await put(tree, path, await text("debian", name));
  await put(tree, "DEBIAN/conffiles", `${Object.values(settings).join("\n")}\n`);
}

async function addControl(tree: string, options: DebianOptions, service: Service | undefined): Promise<void> {
  const { product, version, arch } = options;
  const installed = await sizeOf(tree);
  const fields = [
    `Package: ${product.packageName}`,
    // A hyphen would begin a revision; a tilde sorts before the release.
    `Version: ${version.replace("-", "~")}`,
    `Architecture: ${architectures[arch]}`,
    "Maintainer: The Windlass authors <windlass@localhost>",
    `Installed-Size: ${Math.ceil(installed / 1024)}`,
    "Depends: libc6 (>= 2.28), libstdc++6, libgcc-s1 | libgcc1",
    ...(product.program === "windlass" ? [] : ["Recommends: ca-certificates, git, bubblewrap"]),
    "Section: admin",
    "Priority: optional",
    `Description: ${product.summary}`,
    ...product.description.map((line) => ` ${line}`),
  ];
  await put(tree, "DEBIAN/control", `${fields.join("\n")}\n`);
  if (service === undefined) return;
  await put(tree, "DEBIAN/preinst", makesUser(service), 0o755);
  await put(tree, "DEBIAN/postinst", startsAgain(service), 0o755);
  await put(tree, "DEBIAN/prerm", stops(service), 0o755);
  await put(tree, "DEBIAN/postrm", forgets(service), 0o755);
}

/** Its own directory is its own. */
const makesUser = ({ user, home }: Service): string => `#!/bin/sh
set -e
if ! getent passwd ${user} >/dev/null; then
  useradd --system --user-group --home-dir ${home} --shell /usr/sbin/nologin ${user}
fi
install -d -m 700 -o ${user} -g ${user} ${home}
install -d -m 755 /etc/windlass
`;

/** After an upgrade what ran runs on as the new version. Nothing is started because it was installed: it has no settings yet. */
const startsAgain = ({ unit }: Service): string => `#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
# An upgrade, and not a first installation: then the second word is the version before.
if [ -n "$2" ]; then
  systemctl try-restart ${unit}
fi
`;

/** An upgrade stops nothing: the new version takes over at the end. */
const stops = ({ unit }: Service): string => `#!/bin/sh
set -e
[ "$1" = remove ] || exit 0
[ -d /run/systemd/system ] || exit 0
systemctl disable --now ${unit} || true
`;

/** What was kept is data: it stays, even when the settings go. */
const forgets = ({ home }: Service): string => `#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
if [ "$1" = purge ] && [ -d ${home} ]; then
  echo "${home} is kept: it has what was done with this package. Remove it by hand if nobody needs it."
fi
`;

async function sizeOf(path: string): Promise<number> {
  const entry = await stat(path);
  if (!entry.isDirectory()) return entry.size;
  const names = await readdir(path);
  const sizes = await Promise.all(names.map((name) => sizeOf(join(path, name)).catch(() => 0)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Modes and times that do not depend on who builds. */
async function makePlain(path: string, epochSeconds: number): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue;
    const name = join(entry.parentPath, entry.name);
    const isProgram = entry.isDirectory() || ((await stat(name)).mode & 0o100) !== 0;
    await chmod(name, isProgram ? 0o755 : 0o644);
    await utimes(name, epochSeconds, epochSeconds);
  }
  await chmod(path, 0o755);
}
