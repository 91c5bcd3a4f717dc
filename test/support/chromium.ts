import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import type { TestServer } from "./scene.ts";

const program = process.env.CHROMIUM ?? "/usr/bin/chromium";
const builtPage = fileURLToPath(new URL("../../dist/web/index.html", import.meta.url));

/** Where there is no browser: what is missing, and how it comes here. */
export const missingChromium = existsSync(program) ? undefined : `there is no ${program}: install the package chromium`;

/** Somebody at a browser. */
export interface Visitor extends AsyncDisposable {
  readonly page: Page;
  /** What the browser complained of: faults of scripts, and what the content security policy forbade. */
  readonly complaints: readonly string[];
  /** Opens a page of the server, by its path. */
  open(path: string): Promise<void>;
}

/** A real Chromium, and people at it. */
export interface Chromium extends AsyncDisposable {
  /** Somebody who is not signed in. */
  visitor(server: TestServer, options?: BrowserContextOptions): Promise<Visitor>;
  /** Somebody who is signed in as the admin. */
  admin(server: TestServer, options?: BrowserContextOptions): Promise<Visitor>;
  /** Somebody who is signed in with an API key. */
  person(server: TestServer, apiKey: string, options?: BrowserContextOptions): Promise<Visitor>;
}

/** Starts a browser. */
export async function openChromium(): Promise<Chromium> {
  if (!existsSync(builtPage)) throw new Error("dist/web is not built: run scripts/install");
  const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
  const visitor: Chromium["visitor"] = async ({ url }, options = {}) => {
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
  const person: Chromium["person"] = async (server, apiKey, options) => {
    const opened = await visitor(server, options);
    const headers = { origin: server.url };
    const answer = await opened.page.context().request.post(`${server.url}/session`, { headers, data: { apiKey } });
    if (answer.status() !== 204) throw new Error(`nobody can sign in with the key: ${answer.status()}`);
    return opened;
  };
  return {
    visitor,
    person,
    admin: async (server, options) => person(server, (await readFile(server.adminTokenFile, "utf8")).trim(), options),
    [Symbol.asyncDispose]: () => browser.close(),
  };
}
