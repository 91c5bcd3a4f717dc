import { basename, dirname } from "node:path";
import { execa } from "execa";

/** One time for everything that is packed: seconds since 1970. */
export interface PackedAt {
  readonly epochSeconds: number;
}

/** Packs a directory, under its name, into a `.tar.gz`. */
export async function packTarball(directory: string, file: string, { epochSeconds }: PackedAt): Promise<void> {
  const sorted = ["--sort=name", `--mtime=@${epochSeconds}`, "--owner=0", "--group=0", "--numeric-owner"];
  const modes = "--mode=u=rwX,go=rX";
  const place = ["-C", dirname(directory), basename(directory)];
  await execa("tar", ["--create", "--use-compress-program=gzip -6 -n", `--file=${file}`, ...sorted, modes, ...place]);
}
