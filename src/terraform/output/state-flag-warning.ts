import type { ByteTransform } from "../redaction/redact.ts";
import type { TerraformEvent } from "./events.ts";

/**
 * Terraform from 1.11 on warns about the flag by which it is told where its state is: nobody who reads the log has
 * given it.
 */
const summary = "Deprecated flag: -state";
const beginning = Buffer.from(
  `\nWarning: ${summary}\n\nUse \`path\` attribute within the \`local\` backend instead:\nhttps://developer.hashicorp.com/`,
);
const newline = 0x0a;
const nothing = new Uint8Array(0);

/** The same warning among the events of an apply. */
export const isStateFlagWarning = ({ type, diagnostic }: TerraformEvent): boolean =>
  type === "diagnostic" && diagnostic?.severity === "warning" && diagnostic.summary === summary;

/** Takes the warning out of what a plan prints: once, wherever it stands, and however the bytes are split. */
export const createStateFlagFilter = (): ByteTransform => new StateFlagFilter();

class StateFlagFilter implements ByteTransform {
  #held: Uint8Array = nothing;
  /** The last byte that was told. */
  #last = newline;
  #stage: "searching" | "skipping" | "passing" = "searching";

  push(bytes: Uint8Array): Uint8Array {
    switch (this.#stage) {
      case "searching":
        return this.#search(Buffer.concat([this.#held, bytes]));
      case "skipping":
        return this.#skip(bytes);
      case "passing":
        return bytes;
    }
  }

  finish(): Uint8Array {
    const rest = this.#held;
    this.#held = nothing;
    return rest;
  }

  #search(bytes: Buffer): Uint8Array {
    const at = bytes.indexOf(beginning);
    if (at < 0) {
      const to = bytes.length - this.#lengthToHold(bytes);
      this.#held = bytes.subarray(to);
      this.#last = bytes[to - 1] ?? this.#last;
      return bytes.subarray(0, to);
    }
    this.#held = nothing;
    this.#stage = "skipping";
    return Buffer.concat([bytes.subarray(0, at), this.#skip(bytes.subarray(at + beginning.length))]);
  }

  /**
   * How much of the end may be the beginning of the warning, which is an empty line: the end of another line is told at
   * once.
   */
  #lengthToHold(bytes: Buffer): number {
    const length = lengthOfBeginningAtEnd(bytes);
    const before = bytes[bytes.length - length - 1] ?? this.#last;
    return before === newline ? length : 0;
  }

  /** To the end of the line. */
  #skip(bytes: Uint8Array): Uint8Array {
    const end = bytes.indexOf(newline);
    if (end < 0) return nothing;
    this.#stage = "passing";
    return bytes.subarray(end + 1);
  }
}

function lengthOfBeginningAtEnd(bytes: Buffer): number {
  for (let length = Math.min(bytes.length, beginning.length - 1); length > 0; length -= 1) {
    if (bytes.subarray(bytes.length - length).equals(beginning.subarray(0, length))) return length;
  }
  return 0;
}
