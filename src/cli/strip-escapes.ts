const esc = 0x1b;
const bel = 0x07;

type State = "text" | "escape" | "intermediate" | "csi" | "string" | "string-escape";

/**
 * Removes terminal escape sequences (ECMA-48: CSI, OSC, DCS, SOS, PM, APC and two-byte ones) from a stream of bytes,
 * wherever the chunks are cut. All other bytes stay as they are, UTF-8 or not.
 */
export class EscapeStripper {
  #state: State = "text";

  strip(chunk: Uint8Array): Uint8Array {
    if (this.#state === "text" && !chunk.includes(esc)) return chunk;
    const kept = new Uint8Array(chunk.length);
    let length = 0;
    for (const byte of chunk) {
      if (this.#state === "text" && byte !== esc) kept[length++] = byte;
      else this.#state = nextState(this.#state, byte);
    }
    return kept.subarray(0, length);
  }
}

function nextState(state: State, byte: number): State {
  switch (state) {
    case "text":
      return "escape";
    case "escape":
      return afterEscape(byte);
    case "intermediate":
      return byte >= 0x20 && byte <= 0x2f ? "intermediate" : "text";
    case "csi":
      if (byte === esc) return "escape";
      return byte >= 0x40 && byte <= 0x7e ? "text" : "csi";
    case "string":
      if (byte === bel) return "text";
      return byte === esc ? "string-escape" : "string";
    case "string-escape":
      return byte === 0x5c ? "text" : nextState("escape", byte);
  }
}

function afterEscape(byte: number): State {
  const letter = String.fromCharCode(byte);
  if (letter === "[") return "csi";
  if ("]PX^_".includes(letter)) return "string";
  if (byte === esc) return "escape";
  return byte >= 0x20 && byte <= 0x2f ? "intermediate" : "text";
}
