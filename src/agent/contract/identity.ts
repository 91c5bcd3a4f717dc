import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { agentNamePattern } from "../../lib/agent-names.ts";
import { writeDurably } from "../../lib/fs/durable.ts";
import type { Random } from "../../lib/random.ts";
import { errnoOf } from "../../lib/values/errors.ts";
import { placeOf, placeWord } from "./directory-place.ts";

/** Who this agent is. */
export interface Identity {
  /** UUID of the disk that holds the journals: start grants are bound to it. */
  readonly incarnation: string;
  /** UUID of this process: it tells a reconnect from a copy. */
  readonly bootId: string;
  readonly name: string;
  /** Where the data directory is: a process from elsewhere may be one of a copy. */
  readonly place: string;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Reads the identity that belongs to a data directory, making it at the first start. */
export async function loadIdentity(
  dataDir: string,
  { random, name }: { readonly random: Random; readonly name?: string | undefined },
): Promise<Identity> {
  const incarnation = await kept(join(dataDir, "incarnation"), uuid, () => random.uuid());
  const ownName = name ?? (await kept(join(dataDir, "name"), agentNamePattern, () => defaultName(random)));
  return { incarnation, bootId: random.uuid(), name: ownName, place: placeWord(await placeOf(dataDir)) };
}

async function kept(path: string, pattern: RegExp, make: () => string): Promise<string> {
  const found = await readFile(path, "utf8").catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  });
  if (pattern.test(found.trim())) return found.trim();
  const made = make();
  await writeDurably(path, `${made}\n`);
  return made;
}

function defaultName(random: Random): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9._-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 100);
  return `${host === "" ? "agent" : host}-${Buffer.from(random.bytes(2)).toString("hex")}`;
}
