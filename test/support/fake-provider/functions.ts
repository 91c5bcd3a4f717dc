import { existsSync } from "node:fs";
import { text, type Value } from "./values.ts";

/** A function of the provider: its parameters are strings. */
export interface ProviderFunction {
  readonly summary: string;
  readonly parameters: readonly string[];
  readonly returns: string;
  /** Throws what is wrong with its first argument. */
  readonly call: (values: readonly Value[]) => Value;
}

export const functions: Readonly<Record<string, ProviderFunction>> = {
  exists: {
    summary: "Whether a file is there",
    parameters: ["path"],
    returns: "bool",
    call: ([path]) => existsSync(nonEmpty(text(path))),
  },
  shout: {
    summary: "The text in capital letters",
    parameters: ["text"],
    returns: "string",
    call: ([words]) => text(words).toUpperCase(),
  },
};

function nonEmpty(path: string): string {
  if (path === "") throw new Error("a path is needed, got an empty string");
  return path;
}
