import { beginsEmergencyDump, isEmergencyDump, parseEvent, type TerraformEvent } from "./events.ts";
import type { ByteTransform } from "./redact.ts";
import { type PlacedDiagnostic, placeOf, renderDiagnostic, sortDiagnostics } from "./render-diagnostic.ts";
import { renderOutputs } from "./render-outputs.ts";

/** What stands in the log where terraform printed its whole state. */
export const emergencyNotice =
  "Terraform could not save its state and printed it here instead. The agent kept that state and cut it out of this log.\n";

/** Events that terraform does not show in human format, or shows in another way. */
const silent = new Set(["version", "planned_change", "apply_errored", "provision_complete", "provision_errored"]);

const newline = 0x0a;
const brace = 0x7b;
const nothing = new Uint8Array(0);
/** A run of more diagnostics than this is sorted in parts, so that memory stays bounded. */
const maxDiagnostics = 1000;

/**
 * Turns the bytes of `terraform apply -json` into the text that terraform prints without `-json`, as a pure function of the
 * input: the same bytes give the same text, however they are split. Lines that are no events pass unchanged. `observe` sees each
 * event once, in order.
 */
export function createRenderer(observe: (event: TerraformEvent) => void = () => {}): ByteTransform {
  return new Renderer(observe);
}

class Renderer implements ByteTransform {
  readonly #observe: (event: TerraformEvent) => void;
  /** Pieces of a line that may be an event and whose end has not come. */
  #partial: Uint8Array[] = [];
  /** True in the middle of a line that is no event: it passes as it comes. */
  #isPassing = false;
  #diagnostics: PlacedDiagnostic[] = [];
  #out: Uint8Array[] = [];
  #text = "";

  constructor(observe: (event: TerraformEvent) => void) {
    this.#observe = observe;
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
    if (this.#partial.length > 0) this.#line(Buffer.concat(this.#partial));
    this.#partial = [];
    this.#flushDiagnostics();
    return this.#take();
  }

  #piece(piece: Uint8Array, isEnd: boolean): void {
    if (this.#isPassing || (this.#partial.length === 0 && piece[0] !== brace)) {
      this.#flushDiagnostics();
      this.#pass(piece);
      this.#isPassing = !isEnd;
      return;
    }
    if (!isEnd) {
      this.#partial.push(piece.slice());
      return;
    }
    const line = this.#partial.length === 0 ? piece : Buffer.concat([...this.#partial, piece]);
    this.#partial = [];
    this.#line(line);
  }

  #line(bytes: Uint8Array): void {
    const line = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
    const event = parseEvent(line);
    if (event === undefined) {
      this.#flushDiagnostics();
      if (beginsEmergencyDump(line)) this.#text += emergencyNotice;
      else this.#pass(bytes);
      return;
    }
    const text = attempt(() => renderEvent(event, line));
    if (text === undefined) {
      this.#flushDiagnostics();
      this.#pass(bytes);
      return;
    }
    this.#observe(event);
    if (event.type === "diagnostic" && event.diagnostic !== undefined) {
      this.#diagnostics.push({ place: placeOf(event.diagnostic), text });
      if (this.#diagnostics.length >= maxDiagnostics) this.#flushDiagnostics();
      return;
    }
    this.#flushDiagnostics();
    this.#text += text;
  }

  /** Diagnostics that come together are printed in terraform's order. */
  #flushDiagnostics(): void {
    if (this.#diagnostics.length === 0) return;
    this.#text += sortDiagnostics(this.#diagnostics)
      .map(({ text }) => text)
      .join("");
    this.#diagnostics = [];
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
function renderEvent(event: TerraformEvent, line: string): string {
  if (event.hook !== undefined && typeof event.hook.resource.addr !== "string") throw new TypeError("no address");
  if (silent.has(event.type)) return "";
  if (event.type === "provision_progress" && event.hook?.output !== undefined) return provisionerLine(event);
  if (event.type === "change_summary" && event.changes?.operation !== "plan") return `\n${event["@message"]}\n`;
  if (event.type === "outputs") return renderOutputs(line);
  if (event.type === "diagnostic" && event.diagnostic !== undefined) return renderDiagnostic(event.diagnostic);
  if (isEmergencyDump(event)) return emergencyNotice;
  return `${event["@message"]}\n`;
}

const provisionerLine = ({ hook }: TerraformEvent): string =>
  `${hook?.resource.addr} (${hook?.provisioner}): ${hook?.output}\n`;
