import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import type { TestServer } from "./scene.ts";

const program = process.env.CHROMIUM ?? "/usr/bin/chromium";
const isBuilt = existsSync(fileURLToPath(new URL("../../dist/web/index.html", import.meta.url)));

/** False where there is no Chromium; that is said, and in CI it is a fault. */
export const hasBrowser = existsSync(program);
if (!hasBrowser && process.env.CI !== undefined)
  throw new Error(`there is no ${program}: install the package chromium`);
if (!hasBrowser) console.warn(`SKIPPED: there is no ${program}, install the package chromium`);
if (hasBrowser && !isBuilt) throw new Error("dist/web is not built: run scripts/install");

/** Somebody at a browser. */
export interface Visitor extends AsyncDisposable {
  readonly page: Page;
  /** What the browser complained of: faults of scripts, and what the content security policy forbade. */
  readonly complaints: readonly string[];
  /** Opens a page of the server, by its path. */
  open(path: string): Promise<void>;
}

/** A browser for the tests of a file. */
export function useBrowser() {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
  });
  afterAll(() => browser?.close());
  /** Somebody who is not signed in. */
  const visitor = async ({ url }: TestServer, options: BrowserContextOptions = {}): Promise<Visitor> => {
    if (browser === undefined) throw new Error("the browser is open only while a test runs");
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("pageerror", ({ message }) => complaints.push(message));
    page.on("console", (said) => said.type() === "error" && complaints.push(said.text()));
    return {
      page,
      complaints,
      open: async (path) => void (await page.goto(url + path)),
      [Symbol.asyncDispose]: () => context.close(),
    };
  };
  return {
    visitor,
    /** Somebody who is signed in as the admin. */
    admin: async (server: TestServer, options: BrowserContextOptions = {}): Promise<Visitor> => {
      const opened = await visitor(server, options);
      const apiKey = (await readFile(server.adminTokenFile, "utf8")).trim();
      const headers = { origin: server.url };
      const answer = await opened.page.context().request.post(`${server.url}/session`, { headers, data: { apiKey } });
      expect(answer.status()).toBe(204);
      return opened;
    },
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface AxeAnswer {
  readonly violations: readonly { readonly id: string; readonly nodes: readonly { readonly html: string }[] }[];
}

/** What axe finds wrong with a page: rule and element. */
export async function violationsOf(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  const { violations } = await page.evaluate<AxeAnswer>("axe.run(document, { resultTypes: ['violations'] })");
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}
