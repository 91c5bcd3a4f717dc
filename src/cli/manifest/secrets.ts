import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { usageError } from "../problems/problem.ts";
import type { ManifestScope } from "./scope.ts";

/** Where a manifest says that a secret is. */
export type SecretPlace = { readonly env: string } | { readonly file: string };

/** Reads a secret, without the newline at its end; `what` names it in messages. */
export async function readSecret(
  { context, directory }: ManifestScope,
  what: string,
  place: SecretPlace,
): Promise<string> {
  if ("env" in place) {
    const found = context.io.environment[place.env];
    if (found === undefined) throw usageError(`${what}: the environment variable ${place.env} is not set`);
    return found;
  }
  const text = await readFile(resolve(directory, place.file), "utf8").catch((error: Error) => {
    throw usageError(`${what}: ${error.message}`);
  });
  return text.replace(/\r?\n$/, "");
}
