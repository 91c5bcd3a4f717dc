import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

/** What a browser was shown. */
export interface BrowsedPage {
  readonly url: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

interface Sent {
  readonly method?: "GET" | "POST";
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Opens pages and submits their forms as a browser does, and follows no redirect by itself. */
export class Browser {
  readonly #ca: string | undefined;

  /** The authority that it trusts, in PEM. */
  constructor(ca?: string) {
    this.#ca = ca;
  }

  send(url: string, { method = "GET", body, headers = {} }: Sent = {}): Promise<BrowsedPage> {
    const { promise, resolve, reject } = Promise.withResolvers<BrowsedPage>();
    const options = { method, headers: { "user-agent": "a browser", ...headers }, agent: false } as const;
    const call = url.startsWith("https:")
      ? requestHttps(url, { ...options, ...(this.#ca === undefined ? {} : { ca: this.#ca }) })
      : requestHttp(url, options);
    call.on("error", reject).on("response", (response) => {
      const pieces: Buffer[] = [];
      response
        .on("data", (piece: Buffer) => pieces.push(piece))
        .on("error", reject)
        .on("end", () => {
          const seen = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
          const text = Buffer.concat(pieces).toString("utf8");
          resolve({ url, status: response.statusCode ?? 0, headers: Object.fromEntries(seen), text });
        });
    });
    call.end(body);
    return promise;
  }

  /** Submits the page's form with what stands in it and what is typed, as a page of the server itself sends it. */
  submit(
    page: BrowsedPage,
    typed: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = { origin: "null", "sec-fetch-site": "same-origin" },
  ): Promise<BrowsedPage> {
    return this.post(page.url, { ...filledIn(page.text), ...typed }, headers);
  }

  post(
    url: string,
    values: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<BrowsedPage> {
    const body = new URLSearchParams(values).toString();
    const type = { "content-type": "application/x-www-form-urlencoded" };
    return this.send(url, { method: "POST", body, headers: { ...type, ...headers } });
  }
}

/** What a page's form has in its fields. */
export function filledIn(page: string): Readonly<Record<string, string>> {
  const inputs = [...page.matchAll(/<input\b([^>]*)>/g)].map(([, attributes = ""]) => attributes);
  const typed = inputs.map((attributes) => [attribute(attributes, "name"), attribute(attributes, "value")]);
  const selects = [...page.matchAll(/<select\b([^>]*)>(.*?)<\/select>/gs)].map(([, attributes = "", options = ""]) => [
    attribute(attributes, "name"),
    attribute(/<option\b([^>]*)\bselected\b/.exec(options)?.[1] ?? "", "value"),
  ]);
  return Object.fromEntries([...typed, ...selects]);
}

const attribute = (attributes: string, name: string): string =>
  readable(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");

/** A text of a page as people see it. */
export const readable = (text: string): string =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&#96;", "`")
    .replaceAll("&amp;", "&");
