import type { WebAnswer, WebHeaders } from "./answers.ts";
import { headerOf, type WebCall } from "./call.ts";
import { isCompressible, type WebEncoding, type WebFile, type WebFiles } from "./files.ts";
import { pageHeaders } from "./headers.ts";

/** The paths at which the UI has pages: it knows itself which ones. */
export const isPagePath = (path: string): boolean =>
  path === "/" || ["/login", "/o", "/settings"].some((root) => path === root || path.startsWith(`${root}/`));

/** A file, unless the browser has it. */
export async function answerFile(call: WebCall, files: WebFiles, file: WebFile): Promise<WebAnswer> {
  const headers = { ...pageHeaders(call), ...cachingOf(file) };
  if (knows(headerOf(call, "if-none-match"), file.etag)) return { status: 304, headers };
  const type = { "content-type": file.type };
  for (const encoding of encodingsIn(headerOf(call, "accept-encoding") ?? "")) {
    const body = await files.encoded(file, encoding);
    if (body !== undefined)
      return { status: 200, headers: { ...headers, ...type, "content-encoding": encoding }, body };
  }
  return { status: 200, headers: { ...headers, ...type }, body: file.bytes };
}

/** Of one content in several encodings: such an etag is a weak one. */
function cachingOf(file: WebFile): WebHeaders {
  const { etag, isImmutable } = file;
  return {
    "cache-control": isImmutable ? "public, max-age=31536000, immutable" : "no-cache",
    etag: `W/${etag}`,
    ...(isCompressible(file) ? { vary: "accept-encoding" } : {}),
  };
}

/** Source: RFC 9110, 13.1.2: weak and strong ones are compared alike. */
const knows = (given: string | null, etag: string): boolean =>
  (given?.split(",") ?? []).some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === etag);

/** The encodings of ours that a browser takes, the better one first. Source: RFC 9110, 12.5.3. */
export function encodingsIn(accepted: string): readonly WebEncoding[] {
  const weights = new Map(
    accepted.split(",").map((item) => {
      const [name = "", ...parameters] = item
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/);
      const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
      return [name, weight === undefined ? 1 : Number(weight)] as const;
    }),
  );
  const isTaken = (name: string) => (weights.get(name) ?? weights.get("*") ?? 0) > 0;
  return (["br", "gzip"] as const).filter(isTaken);
}

/** What is no file of the UI. */
export const noSuchFile = (call: WebCall): WebAnswer => ({
  status: 404,
  headers: { ...pageHeaders(call), "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" },
  body: `${call.path} is no file of this server: reload the page\n`,
});

/** How the UI is built, for whoever runs the server from its sources. */
const buildCommand = "npm run build -w web";

/** Stands in the place of a UI that was not built. */
export const unbuiltPage = (call: WebCall): WebAnswer =>
  plainPage(call, [
    "This windlassd has no UI: it was not built.",
    `Run ${buildCommand} where the server is installed, and start it again. The command line client does all that the UI does.`,
  ]);

/** Stands in the place of the UI below a path: its cookie would be sent to everything else on the host. */
export const belowPathPage = (call: WebCall): WebAnswer =>
  plainPage(call, [
    "The UI needs a host name of its own.",
    "This server is reached below a path. The API and the command line client work there; browsers need a host name that leads here as a whole.",
  ]);

const plainPage = (call: WebCall, sentences: readonly string[]): WebAnswer => ({
  status: 503,
  headers: { ...pageHeaders(call), "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
  body: `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Windlass</title></head>
<body>
<h1>Windlass</h1>
${sentences.map((sentence) => `<p>${sentence}</p>`).join("\n")}
</body>
</html>
`,
});
