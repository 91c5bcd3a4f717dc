import { cleanLines } from "../../lib/text/clean-text.ts";

const esc = "\u001b";
const bel = "\u0007";
/** Colours and weights: after the escape, a CSI of numbers that ends in `m`. */
const colorSequence = /^\[[0-9;:]{0,64}m$/;
/** Text that blinks or cannot be seen. */
const hidden = /(^|[[;:])0*[568]([;:m]|$)/;
const chosenColor = /[34]8[;:](5[;:]\d+|2([;:]\d*){3,5})/g;
const maxKept = 68;
const reset = `${esc}[0m`;

type State = "text" | "escape" | "intermediate" | "csi" | "string" | "string-escape";

/**
 * Makes text of a log's bytes, wherever the chunks are cut: without terminal escape sequences (ECMA-48: CSI, OSC, DCS,
 * SOS, PM, APC and two-byte ones), but for colours if they are wanted, and without any other character that acts on a
 * terminal. A sequence ends with its line at the latest. A carriage return alone ends a line; before a line feed it
 * stays.
 */
export class LogText {
  readonly #keepsColors: boolean;
  readonly #decoder = new TextDecoder();
  #state: State = "text";
  /** The sequence that is being read, as long as it may be a colour. */
  #sequence = "";
  #isAfterReturn = false;
  #isColored = false;

  constructor(keepsColors: boolean) {
    this.#keepsColors = keepsColors;
  }

  take(chunk: Uint8Array): string {
    return this.#clean(this.#decoder.decode(chunk, { stream: true }));
  }

  /** What is left when the log has ended; gives the terminal its own colours back. */
  end(): string {
    const rest = this.#clean(this.#decoder.decode()) + (this.#isAfterReturn ? "\n" : "");
    const isColored = this.#isColored;
    this.#isAfterReturn = false;
    this.#isColored = false;
    this.#state = "text";
    return rest + (isColored ? reset : "");
  }

  #clean(text: string): string {
    let kept = "";
    let plain = "";
    for (const character of text) {
      const isPlain = this.#state === "text" && character !== esc;
      if (isPlain) {
        plain += this.#withReturns(character);
        continue;
      }
      const color = this.#step(character);
      if (color === undefined) continue;
      kept += cleanText(plain) + color;
      plain = "";
    }
    return kept + cleanText(plain);
  }

  /** A return is held until it is known what follows. */
  #withReturns(character: string): string {
    const before = this.#isAfterReturn ? (character === "\n" ? "\r" : "\n") : "";
    this.#isAfterReturn = character === "\r";
    return before + (this.#isAfterReturn ? "" : character);
  }

  /** One character of a sequence; answers what of it is written, once it is whole. */
  #step(character: string): string | undefined {
    if (character === "\n") {
      this.#state = "text";
      return this.#withReturns(character);
    }
    if (character === esc) this.#sequence = "";
    else if (this.#sequence.length < maxKept) this.#sequence += character;
    this.#state = nextState(this.#state, character);
    if (this.#state !== "text" || !this.#keepsColors || !isColor(this.#sequence)) return undefined;
    this.#isColored = true;
    return `${esc}${this.#sequence}`;
  }
}

/** All but the returns before line feeds, which `#withReturns` has left. */
const cleanText = (text: string): string => text.split("\r\n").map(cleanLines).join("\r\n");

const isColor = (sequence: string): boolean =>
  colorSequence.test(sequence) && !hidden.test(sequence.replace(chosenColor, ""));

function nextState(state: State, character: string): State {
  switch (state) {
    case "text":
      return "escape";
    case "escape":
      return afterEscape(character);
    case "intermediate":
      if (character === esc) return "escape";
      return isBetween(character, " ", "/") ? "intermediate" : "text";
    case "csi":
      if (character === esc) return "escape";
      return isBetween(character, "@", "~") ? "text" : "csi";
    case "string":
      if (character === bel) return "text";
      return character === esc ? "string-escape" : "string";
    case "string-escape":
      return character === "\\" ? "text" : nextState("escape", character);
  }
}

const isBetween = (character: string, first: string, last: string): boolean => character >= first && character <= last;

function afterEscape(character: string): State {
  if (character === "[") return "csi";
  if ("]PX^_".includes(character)) return "string";
  if (character === esc) return "escape";
  return isBetween(character, " ", "/") ? "intermediate" : "text";
}
