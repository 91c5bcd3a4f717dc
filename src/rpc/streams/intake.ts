import { refuseTooLarge } from "../../control/core/refusals.ts";
import { sharedBuffer } from "../../control/core/sealed-blobs.ts";
import type { Budget } from "../../lib/async/budget.ts";
import { WindlassError } from "../../lib/words/errors.ts";

export interface IntakeOptions {
  /** What is taken in, for messages: `state`. */
  readonly what: string;
  /** At most so much comes; `whole` wants exactly this. */
  readonly announced: bigint;
  readonly maxBytes: number;
  /** Where the memory comes from, and for whom. */
  readonly memory: Budget;
  readonly of: string;
  readonly signal: AbortSignal;
  /** Memory is asked for in steps of this size, as bytes come. */
  readonly stepBytes?: number | undefined;
}

/** Of what is large. */
const largeStepBytes = 8 * 1024 * 1024;

/** Collects pieces up to what the header announced, and no further. Dispose it once the bytes are no longer needed. */
export class UploadIntake implements Disposable {
  readonly #options: IntakeOptions;
  readonly #announced: number;
  readonly #bytes: Buffer;
  readonly #shares = new DisposableStack();
  #reserved = 0;
  #size = 0;

  constructor(options: IntakeOptions) {
    const { what, announced, maxBytes } = options;
    refuseTooLarge(what, announced, maxBytes);
    this.#options = options;
    this.#announced = Number(announced);
    // Pages that nobody has written to take no memory.
    this.#bytes = sharedBuffer(this.#announced);
  }

  async take(piece: Uint8Array): Promise<void> {
    const end = this.#size + piece.length;
    if (end > this.#announced) throw this.#wrongSize("more");
    while (this.#reserved < end) await this.#reserve();
    this.#bytes.set(piece, this.#size);
    this.#size = end;
  }

  /** What would still be taken. */
  get room(): number {
    return this.#announced - this.#size;
  }

  /** What has come, however much was announced. */
  soFar(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  whole(): Uint8Array {
    if (this.#size < this.#announced) throw this.#wrongSize(`${this.#size}`);
    return this.#bytes;
  }

  [Symbol.dispose](): void {
    this.#shares.dispose();
  }

  async #reserve(): Promise<void> {
    const { memory, of, signal, stepBytes = largeStepBytes } = this.#options;
    const bytes = Math.min(stepBytes, this.#announced - this.#reserved);
    this.#shares.use(await memory.take(of, bytes, signal));
    this.#reserved += bytes;
  }

  #wrongSize(got: string): WindlassError {
    return wrongSize(this.#options.what, this.#announced, got);
  }
}

const wrongSize = (what: string, announced: number, got: string): WindlassError =>
  new WindlassError(
    "checksum_mismatch",
    `${announced} bytes of ${what} were announced and ${got} came: upload it again`,
  );

/** Lets pieces through as they come, up to what was announced, and keeps none. */
export async function* passing(
  { what, announced }: { readonly what: string; readonly announced: number },
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of pieces) {
    size += piece.length;
    if (size > announced) throw wrongSize(what, announced, "more");
    yield piece;
  }
  if (size < announced) throw wrongSize(what, announced, `${size}`);
}

export const headerFirst = (): WindlassError =>
  new WindlassError("validation", "an upload starts with its header, exactly once", {
    fields: [{ field: "header", description: "expected first, once" }],
  });
