import type { EngineName } from "../engine.ts";

/** Where releases of one program are published. Addresses may hold a user and a password; show them only through `shown`. */
export interface ReleaseSource {
  /** Which versions there are. */
  readonly index: URL;
  /** A file of a version. */
  readonly file: (version: string, name: string) => URL;
  /** What people call it. */
  readonly name: string;
}

const vendors: Readonly<Record<EngineName, () => ReleaseSource>> = {
  terraform: () => mirrored("terraform", "https://releases.hashicorp.com"),
  tofu: () => ({
    index: new URL("https://get.opentofu.org/tofu/api.json"),
    file: (version, name) => new URL(`https://github.com/opentofu/opentofu/releases/download/v${version}/${name}`),
    name: "https://github.com/opentofu/opentofu/releases",
  }),
};

/**
 * The vendor's own place, or a mirror: `MIRROR/terraform/index.json`, `MIRROR/terraform/1.11.4/terraform_1.11.4_…`, and
 * so for `tofu`.
 */
export const sourceOf = (engine: EngineName, mirror: string | undefined): ReleaseSource =>
  mirror === undefined ? vendors[engine]() : mirrored(engine, mirror);

function mirrored(engine: EngineName, mirror: string): ReleaseSource {
  const root = `${mirror.replace(/\/+$/, "")}/${engine}`;
  return {
    index: new URL(`${root}/index.json`),
    file: (version, name) => new URL(`${root}/${version}/${name}`),
    name: shown(new URL(mirror)).replace(/\/+$/, ""),
  };
}

/** An address without its user and password. */
export function shown(address: URL): string {
  const bare = new URL(address);
  bare.username = "";
  bare.password = "";
  return bare.href;
}

/** Whether a redirect may be followed: nobody leads from an encrypted place to a plain one, except on this machine. */
export function mayFollow(from: URL, to: URL): boolean {
  if (to.protocol === "https:") return true;
  return to.protocol === "http:" && (from.protocol === "http:" || isLoopback(to.hostname));
}

const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
