import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { writeDurably } from "../../lib/fs/durable.ts";

const shape = z.object({ sessionToken: z.string().min(1), clusterGeneration: z.string() });

/** What the last registration gave: with it an agent whose token was revoked can still finish what it holds. */
export type SessionCredential = Readonly<z.infer<typeof shape>>;

const fileOf = (dataDir: string): string => join(dataDir, "session");

/** Keeps the credential for a later process of this agent, in a file for its user alone. */
export const keepCredential = (
  dataDir: string,
  { sessionToken, clusterGeneration }: SessionCredential,
): Promise<void> => writeDurably(fileOf(dataDir), JSON.stringify({ sessionToken, clusterGeneration }));

/** Reads it back; undefined when there is none. */
export async function readCredential(dataDir: string): Promise<SessionCredential | undefined> {
  try {
    return shape.parse(JSON.parse(await readFile(fileOf(dataDir), "utf8")));
  } catch {
    return undefined;
  }
}
