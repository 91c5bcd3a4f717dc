import { glob, readFile } from "node:fs/promises";
import { basename, join } from "node:path";

/** A package that is part of what is released. */
export interface UsedPackage {
  readonly name: string;
  readonly version: string;
  readonly directory: string;
  readonly license: string;
}

interface LockedPackage {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly link?: boolean;
  readonly license?: string;
}

/** Every package that `package-lock.json` names for more than the development of Windlass, by its path. */
export async function usedPackages(root: string): Promise<readonly UsedPackage[]> {
  const lock: { readonly packages: Readonly<Record<string, LockedPackage>> } = JSON.parse(
    await readFile(join(root, "package-lock.json"), "utf8"),
  );
  return Object.entries(lock.packages)
    .filter(([path, { dev, optional, link }]) => path.includes("node_modules/") && !dev && !optional && !link)
    .map(([path, { version = "", license = "" }]) => ({
      name: path.replace(/^.*node_modules\//, ""),
      version,
      directory: join(root, path),
      license,
    }))
    .toSorted((one, other) => (`${one.name}@${one.version}` < `${other.name}@${other.version}` ? -1 : 1));
}

/** The licences of others as one text: that of Node first, then those of the packages. */
export async function licencesOfOthers(root: string, nodeLicense: string): Promise<string> {
  const parts = [section("Node.js", await readFile(nodeLicense, "utf8"))];
  for (const used of await usedPackages(root)) {
    const texts = await licenceTexts(used.directory);
    const text = texts.length === 0 ? `Licence: ${used.license}` : texts.join("\n\n");
    parts.push(section(`${used.name} ${used.version} (${used.license})`, text));
  }
  return parts.join("\n");
}

const section = (title: string, text: string): string =>
  `${"=".repeat(100)}\n${title}\n${"=".repeat(100)}\n\n${text.trim()}\n`;

async function licenceTexts(directory: string): Promise<readonly string[]> {
  const names = (await Array.fromAsync(glob("*", { cwd: directory })))
    .filter((name) => /^(licen[cs]e|notice|copying)/i.test(basename(name)))
    .toSorted();
  return Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
}
