import { realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Environment } from "../../lib/environment.ts";
import type { Settings } from "../../lib/settings.ts";
import type { AgentConfig } from "../contract/config.ts";
import { isWithin } from "./bubblewrap.ts";

/** The directories and files of an agent that no job may see. */
export const hiddenPathsOf = ({ dataDir, hiddenPaths = [] }: Pick<AgentConfig, "dataDir" | "hiddenPaths">) => [
  dataDir,
  ...hiddenPaths,
];

/** Of what must stay hidden, the first that `path` holds or lies in, wherever links lead; undefined if it shows none. */
export const shownOf = (path: string, hidden: readonly string[]): string | undefined =>
  hidden.find((secret) => meet(path, secret) || meet(realPath(path), realPath(secret)));

const meet = (path: string, secret: string): boolean => isWithin(path, secret) || isWithin(secret, path);

/** Of what is not there yet, where it will be. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}

/** The files that secret settings were read from, by their variables. */
export const secretFilesOf = (settings: Settings, environment: Environment): readonly string[] =>
  Object.values(settings).flatMap(({ env, isSecret }) => {
    const file = isSecret === true && env !== undefined ? environment[`${env}_FILE`] : undefined;
    return file === undefined || file === "" ? [] : [file];
  });
