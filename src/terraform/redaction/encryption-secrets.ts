import { HclMistake, type HclToken, scanHcl } from "../../lib/hcl/scan.ts";
import { plainText } from "../../lib/hcl/text.ts";
import { isJsonList, isJsonObject, type Json, JsonNumber, readJson } from "../../lib/json/json.ts";

/** The blocks of OpenTofu's `encryption`, which TF_ENCRYPTION holds without braces around them. */
const blocks = new Set(["key_provider", "method", "state", "plan", "remote_state_data_sources"]);

/**
 * The values in a configuration of OpenTofu's encryption, as TF_ENCRYPTION has it: names of blocks, labels and
 * attributes are no secrets, and stand in the configurations and messages of everybody. Undefined if the text is none,
 * as far as anybody can tell.
 */
export function encryptionTexts(text: string): readonly string[] | undefined {
  return /^\s*\{/.test(text) ? textsOfJson(text) : textsOfHcl(text);
}

function textsOfHcl(text: string): readonly string[] | undefined {
  try {
    const tokens = scanHcl(text).filter(({ kind }) => kind !== "newline" && kind !== "end");
    return isBody(tokens) ? tokens.flatMap((token, index) => valueTexts(token, tokens[index - 1])) : undefined;
  } catch (error) {
    if (error instanceof HclMistake) return undefined;
    throw error;
  }
}

/** Nothing but such blocks, each closed. */
function isBody(tokens: readonly HclToken[]): boolean {
  let depth = 0;
  let isHeader = false;
  for (const { kind, text } of tokens) {
    const isOpening = text === "{" && kind === "symbol";
    if (depth === 0 && !isHeader) {
      if (kind !== "identifier" || !blocks.has(text)) return false;
      isHeader = true;
    } else if (depth === 0 && !isOpening && kind !== "string") return false;
    if (isOpening) [depth, isHeader] = [depth + 1, false];
    if (text === "}" && kind === "symbol") depth -= 1;
    if (depth < 0) return false;
  }
  return depth === 0 && !isHeader && tokens.length > 0;
}

/** Labels follow a name or another label; everything else that is a text or a number is a value. */
function valueTexts(token: HclToken, before: HclToken | undefined): readonly string[] {
  if (before?.kind === "identifier" || before?.kind === "string") return [];
  if (token.kind === "string") return [plainText(token) ?? token.text.slice(1, -1)];
  if (token.kind === "heredoc") return [token.text.split("\n").slice(1, -1).join("\n")];
  return token.kind === "number" ? [token.text] : [];
}

function textsOfJson(text: string): readonly string[] | undefined {
  try {
    const document = readJson(text);
    if (!isJsonObject(document)) return undefined;
    const keys = [...document].map(([key]) => key);
    return keys.length > 0 && keys.every((key) => blocks.has(key)) ? textsInJson(document) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return undefined;
    throw error;
  }
}

function textsInJson(value: Json): readonly string[] {
  if (value instanceof JsonNumber) return [value.text];
  // `${key_provider.pbkdf2.k}` only names something.
  if (typeof value === "string") return /^\$\{[\w.]+\}$/.test(value) ? [] : [value];
  if (isJsonList(value)) return value.flatMap(textsInJson);
  return isJsonObject(value) ? [...value].flatMap(([, item]) => textsInJson(item)) : [];
}
