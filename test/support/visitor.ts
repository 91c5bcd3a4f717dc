import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll } from "vitest";
import { type Chromium, missingChromium, openChromium, type Visitor } from "./chromium.ts";

/** False where there is no Chromium; that is said, and in CI it is a fault. */
export const hasBrowser = missingChromium === undefined;
if (!hasBrowser && process.env.CI !== undefined) throw new Error(missingChromium);
if (!hasBrowser) console.warn(`SKIPPED: ${missingChromium}`);

/** A browser for the tests of a file. */
export function useBrowser(): Pick<Chromium, "visitor" | "admin" | "person"> {
  let opened: Chromium | undefined;
  const chromium = () => {
    if (opened === undefined) throw new Error("the browser is open only while a test runs");
    return opened;
  };
  beforeAll(async () => {
    opened = await openChromium();
  });
  afterAll(() => opened?.[Symbol.asyncDispose]());
  return {
    visitor: (...wanted) => chromium().visitor(...wanted),
    admin: (...wanted) => chromium().admin(...wanted),
    person: (...wanted) => chromium().person(...wanted),
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface AxeAnswer {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

/** What axe finds wrong with a page: rule and element. */
export async function violationsOf(page: Visitor["page"]): Promise<readonly string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate<AxeAnswer>("axe.run(document, { resultTypes: ['violations'] })");
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}
