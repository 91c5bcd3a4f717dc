import type { Called } from "./callers.ts";
import { Child } from "./children.ts";
import type { RawServerNews } from "./raw-server.ts";

/** A trivial grpc-js server, whose answers are as large as ours. */
export interface RawServer extends Called, AsyncDisposable {}

export async function openRawServer(unaryBytes: number, downloadMib = 0): Promise<RawServer> {
  const child = new Child<RawServerNews>(new URL("raw-server.ts", import.meta.url), [
    `${unaryBytes}`,
    `${downloadMib}`,
  ]);
  const { port } = await child.next("listening");
  return { url: `http://127.0.0.1:${port}`, pid: child.pid, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}
