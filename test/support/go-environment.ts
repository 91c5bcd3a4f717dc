import { homedir } from "node:os";
import { join } from "node:path";

/**
 * For every Go that tests compile: one cache, and the same flags, without which nothing that is compiled for one example
 * counts for another. It is kept for the next clone, whose folder is another one.
 */
export const goEnvironment: Readonly<Record<string, string>> = {
  GOCACHE: process.env.GOCACHE ?? join(homedir(), ".cache/go-build"),
  GOFLAGS: "-trimpath -buildvcs=false",
};
