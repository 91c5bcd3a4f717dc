import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { type Environment, readEnvironment } from "../environment.ts";

/**
 * Keeps compiled modules in the user's own cache directory: half of a cold start. A directory that others may write
 * to (Node's default is under the temporary one) would let them choose what runs. Does nothing where it cannot write.
 */
export function useCompileCache(): void {
  enableCompileCache(compileCacheDirectory(readEnvironment()));
}

const compileCacheDirectory = ({ XDG_CACHE_HOME, HOME }: Environment): string =>
  join(XDG_CACHE_HOME || join(HOME || homedir(), ".cache"), "windlass", "compiled");
