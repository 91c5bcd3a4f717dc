/** A piece of an HCL text. A string has its quotes, and `isTemplate` if something in it is evaluated. */
export interface HclToken {
  readonly kind: "identifier" | "number" | "string" | "heredoc" | "newline" | "symbol" | "end";
  readonly text: string;
  /** Where it begins in the text, from 0. */
  readonly at: number;
  readonly isTemplate: boolean;
}

/** What is wrong with an HCL text, and where. */
export class HclMistake extends Error {
  readonly at: number;

  constructor(why: string, at: number) {
    super(why);
    this.name = "HclMistake";
    this.at = at;
  }
}

const identifierPattern = /[\p{ID_Start}_][\p{ID_Continue}-]*/uy;
const numberPattern = /\d+(\.\d+)?([eE][+-]?\d+)?/y;
const heredocPattern = /<<-?([\p{ID_Start}_][\p{ID_Continue}-]*)[ \t\r]*\n/uy;
const symbolPattern = /\.\.\.|==|!=|<=|>=|=>|&&|\|\||[^\s]/uy;
// Others end lines for some readers and not for others, so that a text could say one thing here and another one to
// terraform.
const strangePattern = /[\p{Cc}\u2028\u2029]/gu;
const blankPattern = /[ \t\r]*/y;
const maxDepth = 200;

/** The pieces of an HCL text, comments left out, closed by an `end`. Throws `HclMistake`. */
export function scanHcl(text: string): readonly HclToken[] {
  refuseStrange(text);
  const tokens: HclToken[] = [];
  let at = text.startsWith("\ufeff") ? 1 : 0;
  for (;;) {
    at = afterBlanks(text, at);
    const token = tokenAt(text, at, 0);
    tokens.push(token);
    if (token.kind === "end") return tokens;
    at += token.text.length;
  }
}

function refuseStrange(text: string): void {
  for (const { 0: char, index } of text.matchAll(strangePattern)) {
    if (char === "\t" || char === "\n" || char === "\r") continue;
    const code = char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
    throw new HclMistake(
      `the control character U+${code} cannot stand in it: in a string, write it as \\u${code}`,
      index,
    );
  }
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function afterBlanks(text: string, start: number): number {
  let at = start;
  for (;;) {
    at += match(blankPattern, text, at)?.[0].length ?? 0;
    if (text[at] === "#" || text.startsWith("//", at)) {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end;
    } else if (text.startsWith("/*", at)) {
      const end = text.indexOf("*/", at + 2);
      if (end < 0) throw new HclMistake("a comment that begins with /* is not closed", at);
      at = end + 2;
    } else return at;
  }
}

function tokenAt(text: string, at: number, depth: number): HclToken {
  const char = text[at];
  const found = (kind: HclToken["kind"], length: number, isTemplate = false): HclToken => ({
    kind,
    text: text.slice(at, at + length),
    at,
    isTemplate,
  });
  if (char === undefined) return found("end", 0);
  if (char === "\n") return found("newline", 1);
  if (char === '"') return stringAt(text, at, depth);
  const heredoc = match(heredocPattern, text, at);
  if (heredoc !== null) return found("heredoc", heredocLength(text, at, heredoc), true);
  const identifier = match(identifierPattern, text, at);
  if (identifier !== null) return found("identifier", identifier[0].length);
  const number = match(numberPattern, text, at);
  if (number !== null) return found("number", number[0].length);
  const symbol = match(symbolPattern, text, at);
  if (symbol === null) throw new HclMistake("a character that cannot stand here", at);
  return found("symbol", symbol[0].length);
}

function stringAt(text: string, at: number, depth: number): HclToken {
  let end = at + 1;
  let isTemplate = false;
  for (;;) {
    const char = text[end];
    if (char === undefined || char === "\n") throw new HclMistake("a string is not closed on its line", at);
    if (char === '"') break;
    if (text.startsWith("$${", end) || text.startsWith("%%{", end)) end += 3;
    else if (text.startsWith("${", end) || text.startsWith("%{", end)) {
      isTemplate = true;
      end = afterTemplate(text, end, depth + 1);
    } else end += char === "\\" ? 2 : 1;
  }
  return { kind: "string", text: text.slice(at, end + 1), at, isTemplate };
}

function afterTemplate(text: string, start: number, depth: number): number {
  if (depth > maxDepth) throw new HclMistake("templates are nested too deep", start);
  let at = start + 2;
  for (let open = 1; open > 0; ) {
    at = afterBlanks(text, at);
    const token = tokenAt(text, at, depth);
    if (token.kind === "end") throw new HclMistake("a template is not closed by }", start);
    at += token.text.length;
    if (token.text === "{") open += 1;
    if (token.text === "}") open -= 1;
  }
  return at;
}

/**
 * Whether a line closes the text behind `<<mark`: it does with spaces and tabs beside the mark; with other blanks it
 * does for some readers and not for others. A line may be as long as a whole variable: none of it is looked at again
 * and again.
 */
export function heredocEnd(line: string, mark: string): "plain" | "strange" | "none" {
  const at = line.indexOf(mark);
  if (at < 0) return "none";
  const [before, after] = [line.slice(0, at), line.slice(at + mark.length)];
  if (/^[ \t]*$/.test(before) && /^[ \t\r]*$/.test(after)) return "plain";
  return /^[\s\u0085\ufeff]*$/.test(before) && /^[\s\u0085\ufeff]*$/.test(after) ? "strange" : "none";
}

/** Up to the end of the line that closes it, without its newline. */
function heredocLength(text: string, at: number, [head, mark]: RegExpExecArray): number {
  let line = at + head.length;
  for (;;) {
    const found = text.indexOf("\n", line);
    const end = found < 0 ? text.length : found;
    const words = text.slice(line, end);
    const closing = heredocEnd(words, mark ?? "");
    if (closing === "plain") return end - at;
    if (closing === "strange") throw new HclMistake(`only spaces and tabs may stand beside the closing ${mark}`, line);
    if (found < 0) throw new HclMistake(`the text after <<${mark} is not closed by a line with ${mark}`, at);
    line = end + 1;
  }
}
