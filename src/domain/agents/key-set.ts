import { fieldOf, isRecord } from "../../lib/values/records.ts";

const maxKeys = 100;

/** A document of an issuer; undefined for what is no JSON. Its values are texts. */
export function issuerDocument(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The keys of a JSON Web Key Set; undefined for what is none. */
export function keysOf(document: unknown): readonly Readonly<Record<string, unknown>>[] | undefined {
  const keys = fieldOf(document, "keys");
  return Array.isArray(keys) && keys.length > 0 && keys.length <= maxKeys && keys.every(isRecord) ? keys : undefined;
}

/** True for a key that signs: an issuer publishes none of these. */
export const isPrivateKey = (key: Readonly<Record<string, unknown>>): boolean => "d" in key || "k" in key;
