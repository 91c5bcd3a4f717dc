import { createHash } from "node:crypto";
import type { TfeAnswer } from "../core/answers.ts";

/** Text that is safe to be sent to a browser: what was put into it is escaped. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Piece = string | Html | readonly Html[];

/** A template whose values are escaped, but for those that are such templates themselves. */
export const html = (texts: TemplateStringsArray, ...values: readonly Piece[]): Html =>
  new Html(texts.map((text, index) => text + written(values[index] ?? "")).join(""));

function written(value: Piece): string {
  if (typeof value === "string") return escaped(value);
  return value instanceof Html ? value.text : value.map(({ text }) => text).join("");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

const escaped = (text: string): string => text.toWellFormed().replace(/[&<>"'`]/g, (one) => entities[one] ?? "");

const style = `
:root { color-scheme: light dark; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 34rem; margin: 8vh auto; padding: 0 1.25rem; }
h1 { font-size: 1.4rem; margin: 0 0 1rem; }
label { display: block; margin: 1rem 0 0.25rem; font-weight: 600; }
input, select { box-sizing: border-box; width: 100%; font: inherit; padding: 0.5rem 0.6rem; }
button { font: inherit; margin: 1.5rem 0.75rem 0 0; padding: 0.5rem 1.25rem; cursor: pointer; }
code, output { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
output { display: block; padding: 0.75rem; border: 1px solid; }
.mistake { border-left: 4px solid #c22; padding-left: 0.75rem; }
.note { opacity: 0.75; }
`;

const styleHash = createHash("sha256").update(style).digest("base64");

interface PageOptions {
  readonly status?: number | undefined;
  /** Where a form of the page may lead beside this server: browsers look at redirects too. */
  readonly leadsTo?: string | undefined;
}

/** A page of our own: it runs nothing, loads nothing, stands in no frame, is kept nowhere, and tells nobody where it was. */
export const page = (title: string, body: Html, { status = 200, leadsTo = "" }: PageOptions = {}): TfeAnswer => ({
  kind: "bytes",
  status,
  type: "text/html; charset=utf-8",
  bytes: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${escaped(title)} – Windlass</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${escaped(title)}</h1>
${body.text}
</main>
</body>
</html>
`,
  headers: {
    "content-security-policy": [
      "default-src 'none'",
      `style-src 'sha256-${styleHash}'`,
      `form-action 'self'${leadsTo === "" ? "" : ` ${leadsTo}`}`,
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ].join("; "),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
  },
});
