import { once } from "node:events";
import type { Worker } from "node:worker_threads";

/** The first message of a thread, whose code says that it sends such ones. Rejects when the thread breaks before it. */
export async function firstMessage<T>(thread: Worker): Promise<T> {
  const [message] = await once(thread, "message");
  return message;
}
