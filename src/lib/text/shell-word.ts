/**
 * A word of a command line, quoted where a shell would read it otherwise. Control characters are spelled out (`$'\033'`, of bash,
 * zsh and ksh): a terminal takes them for keys when they are pasted, whatever stands around them.
 */
export function shellWord(text: string): string {
  if (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(text)) return text;
  if (!/\p{Cc}/u.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const spelled = text.replace(/[\\']/g, "\\$&").replace(/\p{Cc}+/gu, octalOf);
  return `$'${spelled}'`;
}

/** In octal: after three digits it has an end. */
const octalOf = (characters: string): string =>
  [...new TextEncoder().encode(characters)].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
