import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server of a terraform state that lets its readers wait. */
export interface SlowState extends AsyncDisposable {
  readonly address: string;
  /** How many readers wait. */
  readonly waiting: number;
  /** Answers those who wait, and from now on everybody at once. */
  release(): void;
}

const state = JSON.stringify({
  version: 4,
  terraform_version: "1.11.4",
  serial: 1,
  lineage: "3f2b8a5e-0000-4000-8000-000000000001",
  outputs: { greeting: { value: "from elsewhere", type: "string" } },
  resources: [],
});

export async function slowState(): Promise<SlowState> {
  const held = new Set<ServerResponse>();
  let isReleased = false;
  const answer = (response: ServerResponse) => response.setHeader("content-type", "application/json").end(state);
  const server = createServer((_, response) => {
    if (isReleased) return answer(response);
    held.add(response);
    return response.once("close", () => held.delete(response));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/state`,
    get waiting() {
      return held.size;
    },
    release: () => {
      isReleased = true;
      for (const response of held) answer(response);
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
