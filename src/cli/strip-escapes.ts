const esc = 0x1b;
const bel = 0x07;
const lineFeed = 0x0a;
/** First byte of what UTF-8 makes of C1 controls: terminals take U+009B for `ESC [`. */
const c1Lead = 0xc2;
/** Colours and weights: after the escape, a CSI of numbers that ends in `m`. */
const colorSequence = /^\[[0-9;:]{0,64}m$/;
const maxKept = 68;

type State = "text" | "escape" | "intermediate" | "csi" | "string" | "string-escape";

/** What stays beside the text. */
export interface KeptControls {
  /** Sequences that only choose colours and weights. */
  readonly colors: boolean;
  /** Single control characters, of which a file takes no harm; tab and the ends of lines stay always. */
  readonly characters: boolean;
}

/**
 * Removes terminal escape sequences (ECMA-48: CSI, OSC, DCS, SOS, PM, APC and two-byte ones) from a stream of bytes,
 * wherever the chunks are cut. A sequence ends with its line at the latest. All other bytes stay as they are, UTF-8 or not.
 */
export class EscapeStripper {
  readonly #kept: KeptControls;
  #state: State = "text";
  /** The sequence that is being read, as long as it may be a colour. */
  #sequence: number[] = [];
  #last = 0;

  constructor(kept: KeptControls = { colors: false, characters: true }) {
    this.#kept = kept;
  }

  strip(chunk: Uint8Array): Uint8Array {
    if (this.#kept.characters && this.#state === "text" && !chunk.includes(esc)) return chunk;
    const kept: number[] = [];
    for (const byte of chunk) this.#take(byte, kept);
    return Uint8Array.from(kept);
  }

  #take(byte: number, kept: number[]): void {
    if (byte === lineFeed) this.#state = "text";
    if (this.#state === "text" && byte !== esc) {
      if (this.#kept.characters || !this.#isControl(byte)) this.#keep(byte, kept);
      return;
    }
    if (byte === esc) this.#sequence = [];
    if (this.#sequence.length < maxKept) this.#sequence.push(byte);
    this.#state = nextState(this.#state, byte);
    if (this.#state !== "text" || !this.#kept.colors) return;
    if (colorSequence.test(String.fromCharCode(...this.#sequence.slice(1)))) {
      for (const part of this.#sequence) this.#keep(part, kept);
    }
  }

  #keep(byte: number, kept: number[]): void {
    kept.push(byte);
    this.#last = byte;
  }

  #isControl(byte: number): boolean {
    if (byte < 0x20) return byte !== 0x09 && byte !== lineFeed && byte !== 0x0d;
    return byte === 0x7f || (this.#last === c1Lead && byte >= 0x80 && byte <= 0x9f);
  }
}

function nextState(state: State, byte: number): State {
  switch (state) {
    case "text":
      return "escape";
    case "escape":
      return afterEscape(byte);
    case "intermediate":
      if (byte === esc) return "escape";
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
