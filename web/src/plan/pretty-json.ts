/** Tokens of JSON: strings, marks, and the rest, whose digits stay as they are. */
const token = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s"[\]{},:]+/g;

/** JSON on several lines. It is never read as numbers: those of users can be larger than a browser's. */
export function prettyJson(json: string): string {
  let depth = 0;
  let text = "";
  let before = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const [part] of json.matchAll(token)) {
    const opens = before === "{" || before === "[";
    if (part === "}" || part === "]") {
      depth -= 1;
      text += opens ? part : line() + part;
    } else if (part === ",") text += part;
    else if (part === ":") text += ": ";
    else text += opens || before === "," ? line() + part : part;
    if (part === "{" || part === "[") depth += 1;
    before = part;
  }
  return text;
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
