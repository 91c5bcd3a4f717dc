type Paint = (text: string) => string;

const sgr =
  (on: string): Paint =>
  (text) =>
    text === "" ? "" : `\u001b[${on}m${text}\u001b[0m`;

const bold = sgr("1");
const red = sgr("31");
const green = sgr("32");
const yellow = sgr("33");
const cyan = sgr("36");
const gray = sgr("90");
const boldRed = sgr("1;31");
const boldGreen = sgr("1;32");
const boldYellow = sgr("1;33");

/** By the signs of a plan. */
const signColors: Readonly<Record<string, Paint>> = { "+": green, "-": red, ".": red, "~": yellow, "<=": cyan };

/** What terraform holds for one line is never as long; what is longer is not looked at. */
const maxLineCharacters = 16_384;

/**
 * Colours a log as terraform itself colours it on a terminal: agents run it without colours, so that what is stored has
 * none. Lines with colours of their own stay as they are. A line is held until its end has come.
 */
export class LogColors {
  #held = "";
  readonly #indent: number;

  /** `indent` is how many characters stand before each line that are none of it. */
  constructor(indent = 0) {
    this.#indent = indent;
  }

  take(text: string): string {
    const lines = (this.#held + text).split("\n");
    this.#held = lines.pop() ?? "";
    const whole = lines.map((line) => `${this.#colored(line)}\n`).join("");
    if (this.#held.length <= maxLineCharacters) return whole;
    return whole + this.end();
  }

  /** The line without an end. */
  end(): string {
    const line = this.#held;
    this.#held = "";
    return this.#colored(line);
  }

  #colored = (line: string): string => line.slice(0, this.#indent) + colored(line.slice(this.#indent));
}

/** One line, without its end. */
function colored(line: string): string {
  if (line === "" || line.length > maxLineCharacters || line.includes("\u001b")) return line;
  for (const [pattern, paint] of rules) {
    const match = pattern.exec(line);
    if (match !== null) return paint(match.slice(1).map((part) => part ?? ""));
  }
  return line;
}

type Rule = readonly [RegExp, (parts: readonly string[]) => string];

const progress =
  "Creating|Creation complete|Modifying|Modifications complete|Destroying|Destruction complete|Refreshing state|Reading|Read complete|" +
  "Still \\w+|Preparing import|Importing|Import complete|Opening|Opening complete|Closing|Closing complete|Provisioning with";

/**
 * In terraform's words: https://github.com/hashicorp/terraform/tree/v1.11.4/internal/command/jsonformat and
 * views/hook_ui.go.
 */
const rules: readonly Rule[] = [
  [
    /^( *)(-\/\+|\+\/-|<=|[-+~.])( .*|\r?)$/,
    ([indent = "", symbol = "", rest = ""]) => indent + sign(symbol) + value(symbol, rest),
  ],
  [/^( +# \(.*\)\r?)$/, ([line = ""]) => gray(line)],
  [
    /^( {2}# .+?)( (?:will|must|has|is) .*?)(destroyed|replaced|)(,.*|\r?)$/,
    ([head = "", verb = "", fate = "", rest = ""]) => bold(head) + verb + boldRed(fate) + rest,
  ],
  [/^(Plan:)(.*)$/, ([head = "", rest = ""]) => bold(head) + rest],
  [/^(No changes\.)(.*)$/, ([head = "", rest = ""]) => boldGreen(head) + bold(rest)],
  [/^((?:Apply|Destroy) complete!.*|Outputs:\r?)$/, ([line = ""]) => boldGreen(line)],
  [/^(Error: )(.*)$/, ([head = "", rest = ""]) => boldRed(head) + bold(rest)],
  [/^(Warning: )(.*)$/, ([head = "", rest = ""]) => boldYellow(head) + bold(rest)],
  [new RegExp(`^([^\\s:]+(?: \\(deposed object \\w+\\))?: (?:${progress})\\b.*)$`), ([line = ""]) => bold(line)],
];

function sign(symbol: string): string {
  const [first = "", second = ""] = symbol.split("/");
  if (second !== "") return `${sign(first)}/${sign(second)}`;
  return signColors[first]?.(first) ?? first;
}

/** What a value becomes, in the line of its attribute. */
function value(symbol: string, rest: string): string {
  const forced = rest.replace(/(# forces replacement)(\r?)$/, (_, note: string, end: string) => red(note) + end);
  if (symbol === "-") return forced.replace(/(-> null)(\r?)$/, (_, gone: string, end: string) => gray(gone) + end);
  if (symbol !== "~") return forced;
  return forced.replace(/ -> (?!\(known after apply\))/, ` ${yellow("->")} `);
}
