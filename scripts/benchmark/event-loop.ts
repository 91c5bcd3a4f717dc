import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { freshName } from "../../test/support/api.ts";
import type { Scene, TestServer } from "../../test/support/scene.ts";
import { until } from "../../test/support/until.ts";
import type { Storage } from "./part.ts";

/** A server that tells how long its event loop was blocked. */
export interface WatchedServer {
  readonly server: TestServer;
  /** The longest block since the last time, in milliseconds; the watch itself adds one. */
  longestBlockMs(): Promise<number>;
}

export async function watchedServer(scene: Scene, storage: Storage): Promise<WatchedServer> {
  const file = join(scene.directory, freshName("event-loop"));
  const watch = new URL("event-loop-watch.mjs", import.meta.url).href;
  const server = await storage.server(scene, [], { NODE_OPTIONS: `--import=${watch}`, EVENT_LOOP_FILE: file });
  return {
    server,
    longestBlockMs: async () => {
      await rm(file, { force: true });
      server.program.signal("SIGUSR2");
      const text = () => readFile(file, "utf8").catch(() => "");
      const told = async () => /^(\S+)\n/.exec(await text())?.[1];
      // None at all is an answer, too.
      return Number(await until("the server tells its longest block", told));
    },
  };
}
