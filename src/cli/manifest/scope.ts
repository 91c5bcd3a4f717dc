import { Code, ConnectError } from "@connectrpc/connect";
import type { Context } from "../server/context.ts";

/** Where the resources of a document are, and how they are named there. */
export interface ManifestScope {
  readonly context: Context;
  /** As requests name it. */
  readonly organization: string;
  /** Also take away what the listed resources have beyond the manifest. */
  readonly prunes: boolean;
  /** False where secrets are only compared by name: they need not be there. */
  readonly readsSecrets: boolean;
  /** Where relative files of secrets are. */
  readonly directory: string;
}

/** The answer, or undefined if there is no such thing. */
export async function ifFound<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (ConnectError.from(error).code === Code.NotFound) return undefined;
    throw error;
  }
}

/** What is in the first list only. */
export const without = (all: readonly string[], some: readonly string[]): readonly string[] =>
  all.filter((one) => !some.includes(one));
