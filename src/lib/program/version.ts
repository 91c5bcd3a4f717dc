import { readFileSync } from "node:fs";

const ownPackage = readFileSync(new URL("../../../package.json", import.meta.url), "utf8");

/** The version of these programs, from their package. */
export const { version }: { readonly version: string } = JSON.parse(ownPackage);
