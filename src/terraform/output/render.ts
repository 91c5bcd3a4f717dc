import type { ByteTransform } from "../redaction/redact.ts";
import { type ApplyWords, noWords } from "./apply-words.ts";
import { beginsEmergencyDump, isEmergencyDump, parseEvent, type TerraformEvent } from "./events.ts";
import { type PlacedDiagnostic, placeOf, renderDiagnostic, sortDiagnostics } from "./render-diagnostic.ts";
import { HookWords } from "./render-hooks.ts";
import { renderOutputs } from "./render-outputs.ts";
import { isStateFlagWarning } from "./state-flag-warning.ts";

/** What stands in the log where terraform printed its whole state. */
export const emergencyNotice =
  "The program could not save its state and printed it here instead. The agent kept that state and cut it out of this log.\n";

const newline = 0x0a;
const brace = 0x7b;
const nothing = new Uint8Array(0);
/** A run of more diagnostics than this is sorted in parts, so that memory stays bounded. */
const maxDiagnostics = 1000;
const maxDiagnosticCharacters = 1024 * 1024;
/** A longer line is no event: parsing it would hold up everybody. Terraform's longest is the one with all outputs. */
const maxEventBytes = 4 * 1024 * 1024;
/** In so much of a line it shows whether terraform printed its state there. */
const headBytes = 500;

/**
 * Turns the bytes of `terraform apply -json` into the text that terraform prints without `-json`, as a pure function of
 * the input: the same bytes give the same text, however they are split. Lines that are no events pass unchanged.
 * `observe` sees each event once, in order. `words` are what no event tells.
 */
export function createRenderer(
  observe: (event: TerraformEvent) => void = () => {},
  words: Partial<ApplyWords> = noWords,
): ByteTransform {
  return new Renderer(observe, { ...noWords, ...words });
}

class Renderer implements ByteTransform {
  readonly #observe: (event: TerraformEvent) => void;
  readonly #words: HookWords;
  /** The beginning of a line that may be an event and whose end has not come. */
  readonly #partial = new LineBuffer();
  /** What happens to the rest of a line that is no event: it passes as it comes, or is left out. */
  #rest: "passes" | "left-out" | undefined;
  #diagnostics: PlacedDiagnostic[] = [];
  #diagnosticCharacters = 0;
  #out: Uint8Array[] = [];
  #text = "";

  constructor(observe: (event: TerraformEvent) => void, words: ApplyWords) {
    this.#observe = observe;
    this.#words = new HookWords(words);
  }

  push(bytes: Uint8Array): Uint8Array {
    let at = 0;
    while (at < bytes.length) {
      const end = bytes.indexOf(newline, at);
      const to = end < 0 ? bytes.length : end + 1;
      this.#piece(bytes.subarray(at, to), end >= 0);
      at = to;
    }
    return this.#take();
  }

  finish(): Uint8Array {
    if (this.#partial.length > 0) this.#line(this.#partial.take());
    this.#flushDiagnostics();
    return this.#take();
  }

  #piece(piece: Uint8Array, isEnd: boolean): void {
    if (this.#rest === undefined && this.#partial.length === 0 && piece[0] !== brace) this.#begin("passes");
    if (this.#rest === undefined) this.#eventPiece(piece, isEnd);
    else if (this.#rest === "passes") this.#pass(piece);
    if (isEnd) this.#rest = undefined;
  }

  #eventPiece(piece: Uint8Array, isEnd: boolean): void {
    const partial = this.#partial;
    const wasKnown = partial.length >= headBytes;
    if (partial.length + piece.length > maxEventBytes && wasKnown) {
      this.#begin("passes");
      this.#pass(partial.take());
      this.#pass(piece);
      return;
    }
    partial.add(piece);
    if (!wasKnown && (isEnd || partial.length >= headBytes) && beginsEmergencyDump(partial.head(headBytes))) {
      partial.take();
      this.#begin("left-out");
      this.#text += emergencyNotice;
    } else if (partial.length > maxEventBytes) {
      this.#begin("passes");
      this.#pass(partial.take());
    } else if (isEnd) this.#line(partial.take());
  }

  #begin(rest: "passes" | "left-out"): void {
    this.#flushDiagnostics();
    this.#rest = rest;
  }

  #line(bytes: Uint8Array): void {
    const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    const event = parseEvent(line);
    if (event !== undefined && isStateFlagWarning(event)) return;
    const text = event === undefined ? undefined : attempt(() => renderEvent(event, line, this.#words));
    if (event === undefined || text === undefined) {
      this.#flushDiagnostics();
      this.#pass(bytes);
      return;
    }
    this.#observe(event);
    if (event.type === "diagnostic" && event.diagnostic !== undefined) {
      this.#addDiagnostic({ place: placeOf(event.diagnostic), text });
      return;
    }
    this.#flushDiagnostics();
    this.#text += text;
  }

  #addDiagnostic(diagnostic: PlacedDiagnostic): void {
    this.#diagnostics.push(diagnostic);
    this.#diagnosticCharacters += diagnostic.text.length;
    const isTooMuch =
      this.#diagnostics.length >= maxDiagnostics || this.#diagnosticCharacters >= maxDiagnosticCharacters;
    if (isTooMuch) this.#flushDiagnostics();
  }

  /** Diagnostics that come together are printed in terraform's order. */
  #flushDiagnostics(): void {
    if (this.#diagnostics.length === 0) return;
    this.#text += sortDiagnostics(this.#diagnostics)
      .map(({ text }) => text)
      .join("");
    this.#diagnostics = [];
    this.#diagnosticCharacters = 0;
  }

  #pass(bytes: Uint8Array): void {
    if (this.#text !== "") this.#out.push(Buffer.from(this.#text));
    this.#text = "";
    this.#out.push(bytes);
  }

  #take(): Uint8Array {
    const out = this.#text === "" ? this.#out : [...this.#out, Buffer.from(this.#text)];
    this.#text = "";
    this.#out = [];
    return out.length === 0 ? nothing : out.length === 1 && out[0] !== undefined ? out[0] : Buffer.concat(out);
  }
}

/** Collects a line that comes in pieces of any size. */
class LineBuffer {
  #bytes = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  head(bytes: number): string {
    return this.#bytes.toString("latin1", 0, Math.min(bytes, this.#length));
  }

  add(piece: Uint8Array): void {
    if (this.#length + piece.length > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(1024, 2 * this.#bytes.length, this.#length + piece.length));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.#length);
    this.#length += piece.length;
  }

  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return taken;
  }
}

/**
 * A job can write to terraform's output itself (through /proc), so an event need not have the shape that terraform gives it:
 * one that cannot be rendered is undefined here, and its line passes unchanged.
 */
function attempt(render: () => string): string | undefined {
  try {
    return render();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The human text of an event; `line` is its JSON. Throws `TypeError` for one that is malformed. */
function renderEvent(event: TerraformEvent, line: string, words: HookWords): string {
  if (event.type === "outputs") return renderOutputs(line);
  if (event.type === "diagnostic" && event.diagnostic !== undefined) return renderDiagnostic(event.diagnostic, line);
  if (isEmergencyDump(event)) return emergencyNotice;
  return words.text(event) ?? `${event["@message"]}\n`;
}
