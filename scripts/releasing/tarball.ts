import { basename, dirname } from "node:path";
import { execa } from "execa";

/** How files are packed. */
export interface Packing {
  /** One time for everything: seconds since 1970. */
  readonly epochSeconds: number;
  /** From 1, which is fast, to 9, which is small. */
  readonly compression: number;
}

/** Packs a directory, under its name, into a `.tar.gz`. */
export async function packTarball(
  directory: string,
  file: string,
  { epochSeconds, compression }: Packing,
): Promise<void> {
  const sorted = ["--sort=name", `--mtime=@${epochSeconds}`, "--owner=0", "--group=0", "--numeric-owner"];
  const modes = "--mode=u=rwX,go=rX";
  const place = ["-C", dirname(directory), basename(directory)];
  await execa("tar", [
    "--create",
    `--use-compress-program=gzip -${compression} -n`,
    `--file=${file}`,
    ...sorted,
    modes,
    ...place,
  ]);
}
