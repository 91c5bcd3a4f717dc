/**
 * A terminal escape sequence (ECMA-48: CSI, OSC, DCS, SOS, PM, APC and two-byte ones), which ends with its line at the latest.
 * No two parts of the pattern take the same character, so that it reads each once.
 */
const sequence =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
  /\u001b(?:\[[^@-~\n\u001b]*[@-~]?|[\]PX^_][^\u0007\u001b\n]*(?:\u0007|\u001b\\)?|[ -/]+[^\u001b\n]?|[^\n\u001b])?/g;

/** The text without them. */
export const withoutEscapes = (text: string): string => (text.includes("\u001b") ? text.replace(sequence, "") : text);
