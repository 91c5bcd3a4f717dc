/* biome-ignore-all lint/suspicious/noControlCharactersInRegex: escapes are what is looked for */

import { AnsiUp } from "ansi_up";

/** A piece of a line with one look. */
export interface LogSpan {
  readonly text: string;
  /** Of the closed set below, joined by spaces; empty is plain. */
  readonly look: string;
  /** True colours, as `rgb(1 2 3)`. */
  readonly color?: string | undefined;
  readonly background?: string | undefined;
  /** Of a link: http or https. */
  readonly href?: string | undefined;
}

interface AnsiColor {
  readonly rgb: readonly number[];
  readonly class_name: string;
}

/** What ansi_up knows of a piece of text. */
interface Fragment {
  readonly text: string;
  readonly bold: boolean;
  readonly faint: boolean;
  readonly italic: boolean;
  readonly underline: boolean;
  readonly fg: AnsiColor | null;
  readonly bg: AnsiColor | null;
}

const names = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const known: ReadonlySet<string> = new Set(names.flatMap((name) => [`ansi-${name}`, `ansi-bright-${name}`]));

/** The class of a color, if it is one of the sixteen; else its true color. */
const classOf = (color: AnsiColor | null): string | undefined =>
  color !== null && known.has(color.class_name) ? color.class_name : undefined;

const trueColor = (color: AnsiColor | null): string | undefined =>
  color === null || known.has(color.class_name) ? undefined : `rgb(${color.rgb.map(Number).join(" ")})`;

function spanOf({ text, bold, faint, italic, underline, fg, bg }: Fragment): LogSpan {
  const [color, background] = [classOf(fg), classOf(bg)];
  const look = [
    bold && "ansi-bold",
    faint && "ansi-faint",
    italic && "ansi-italic",
    underline && "ansi-underline",
    color,
    background && `${background}-bg`,
  ];
  return { text, look: look.filter(Boolean).join(" "), color: trueColor(fg), background: trueColor(bg) };
}

/** The address of a link, if a browser may open it. */
function safeHref(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, href } = new URL(url);
  return protocol === "https:" || protocol === "http:" ? href : undefined;
}

/** Reads colours out of stripped lines, one after the other: a colour lasts until it is reset, over ends of lines. */
export class SpanReader {
  readonly #ansi = new AnsiUp();
  #spans: LogSpan[] = [];

  constructor() {
    // Instead of HTML these collect what a fragment is.
    Object.assign(this.#ansi, {
      transform_to_html: (fragment: Fragment) => this.#add(spanOf(fragment)),
      process_hyperlink: ({ text, url }: { readonly text: string; readonly url: string }) =>
        this.#add({ text, look: "", href: safeHref(url) }),
    });
  }

  read(line: string): readonly LogSpan[] {
    this.#spans = [];
    // An escape at the end of a line would be kept back for the next one.
    this.#ansi.ansi_to_html(line.replace(/\u001b(?:\[[0-9;]*|\][^\u001b]*)?$/, ""));
    return this.#spans;
  }

  #add(span: LogSpan): string {
    if (span.text !== "") this.#spans.push(span);
    return "";
  }
}
