const space = /\s/u;

/**
 * Wraps a line after `limit` characters at its spaces, as terraform does: go-wordwrap's algorithm, in which a word
 * longer than the limit stays whole on the line where it begins and a no-break space is no space.
 */
export function wrapLine(line: string, limit: number): string {
  let out = "";
  let used = 0;
  let word = "";
  let wordLength = 0;
  let spaces = "";
  let spacesLength = 0;
  for (const char of line) {
    if (space.test(char) && char !== "\u00a0") {
      if (spaces === "" || word !== "") {
        used += spacesLength + wordLength;
        out += spaces + word;
        spaces = "";
        spacesLength = 0;
        word = "";
        wordLength = 0;
      }
      spaces += char;
      spacesLength += 1;
    } else {
      word += char;
      wordLength += 1;
      if (used + wordLength + spacesLength > limit && wordLength < limit) {
        out += "\n";
        used = 0;
        spaces = "";
        spacesLength = 0;
      }
    }
  }
  if (word !== "") return out + spaces + word;
  return used + spacesLength <= limit ? out + spaces : out;
}
