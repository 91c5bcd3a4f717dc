import type { CliItem, CliValue } from "./cli-syntax.ts";

/** Where the reading of a CLI configuration writes down what it finds. */
export interface Findings {
  readonly paths: { push(path: { readonly path: string; readonly what: string }): unknown };
  readonly secrets: { push(secret: string): unknown };
  readonly warnings: { push(warning: string): unknown };
}

/** The value of an attribute in a block; undefined without it, and for what is no block. */
export const attributeIn = (item: CliItem, name: string): CliValue | undefined => {
  if (item.kind !== "block") return undefined;
  const found = item.items.find((one) => one.kind === "attribute" && one.name === name);
  return found?.kind === "attribute" ? found.value : undefined;
};

/** The same, when it is a string. */
export const textIn = (item: CliItem, name: string): string | undefined => {
  const value = attributeIn(item, name);
  return typeof value === "string" ? value : undefined;
};
