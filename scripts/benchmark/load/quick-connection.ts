import { connect, type Socket } from "node:net";

/** Frames of RFC 9113 that matter to a client that only counts. */
const frame = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 8 } as const;
const endStream = 0x1;
const endHeaders = 0x4;
const acknowledged = 0x1;
const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
const largestWindow = 2 ** 31 - 1;
/** When so much was read, the server gets its window back. */
const refillBytes = 64 * 2 ** 20;

function frameBytes(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes.writeUInt8(type, 3);
  bytes.writeUInt8(flags, 4);
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, 9);
  return bytes;
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

/** A length as HPACK writes it, with the given bits of its first byte free. */
function hpackLength(value: number, prefixBits: number): readonly number[] {
  const full = 2 ** prefixBits - 1;
  if (value < full) return [value];
  const bytes = [full];
  let rest = value - full;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

const hpackText = (text: string): readonly number[] => [...hpackLength(text.length, 7), ...Buffer.from(text, "latin1")];

/** The fields of every call: spelled out, and kept in the server's table, the first time; numbers from then on. */
export function requestFields(fields: readonly (readonly [string, string])[]): { first: Buffer; later: Buffer } {
  const fixed = [0x83, 0x86]; // :method POST, :scheme http
  const spelled = fields.flatMap(([name, value]) => [0x40, ...hpackText(name), ...hpackText(value)]);
  const numbered = fields.flatMap((_, index) => [0x80 + 62 + fields.length - 1 - index]);
  return { first: Buffer.from([...fixed, ...spelled]), later: Buffer.from([...fixed, ...numbered]) };
}

/** How a call went: an answer has bytes; a gRPC error has none. */
export type CallEnded = (bytes: number, stream: number) => void;

/**
 * gRPC over one TCP connection by a client that understands as little as possible: what is measured is the server. It takes an
 * answer without a message for an error, and counts the rest.
 */
export class QuickConnection {
  readonly #socket: Socket;
  readonly #fields: { readonly first: Buffer; readonly later: Buffer };
  readonly #received = new Map<number, number>();
  readonly #ended: CallEnded;
  #held: Buffer = Buffer.alloc(0);
  #nextStream = 1;
  #unreported = 0;

  private constructor(socket: Socket, fields: { readonly first: Buffer; readonly later: Buffer }, ended: CallEnded) {
    this.#socket = socket;
    this.#fields = fields;
    this.#ended = ended;
    socket.on("data", (piece) => this.#read(piece));
    socket.write(
      Buffer.concat([
        preface,
        frameBytes(frame.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(largestWindow)])),
        frameBytes(frame.windowUpdate, 0, 0, uint32(largestWindow - 65_535)),
      ]),
    );
  }

  static async open(url: string, { path, token }: { path: string; token: string }, ended: CallEnded) {
    const { hostname, port, host } = new URL(url);
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    const fields = requestFields([
      [":authority", host],
      [":path", path],
      ["content-type", "application/grpc"],
      ["te", "trailers"],
      ...(token === "" ? [] : [["authorization", `Bearer ${token}`] as const]),
    ]);
    return new QuickConnection(socket, fields, ended);
  }

  /** Resolves when the server has hung up. */
  get closed(): Promise<string> {
    return new Promise((resolve) => {
      this.#socket.once("error", (error) => resolve(error.message));
      this.#socket.once("close", () => resolve("the server hung up"));
    });
  }

  /** Sends one call with one message; answers its stream. */
  call(message: Uint8Array): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const fields = stream === 1 ? this.#fields.first : this.#fields.later;
    const framed = Buffer.alloc(5 + message.length);
    framed.writeUInt32BE(message.length, 1);
    framed.set(message, 5);
    this.#received.set(stream, 0);
    this.#socket.write(
      Buffer.concat([
        frameBytes(frame.headers, endHeaders, stream, fields),
        frameBytes(frame.data, endStream, stream, framed),
      ]),
    );
    return stream;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(piece: Buffer): void {
    const bytes = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece]);
    let at = 0;
    while (bytes.length - at >= 9) {
      const length = bytes.readUIntBE(at, 3);
      if (bytes.length - at < 9 + length) break;
      this.#frame(bytes, at, length);
      at += 9 + length;
    }
    this.#held = at === bytes.length ? Buffer.alloc(0) : bytes.subarray(at);
  }

  #frame(bytes: Buffer, at: number, length: number): void {
    const [type, flags] = [bytes.readUInt8(at + 3), bytes.readUInt8(at + 4)];
    const stream = bytes.readUInt32BE(at + 5) & largestWindow;
    if (type === frame.data) this.#data(stream, length);
    if (type === frame.settings && (flags & acknowledged) === 0)
      this.#socket.write(frameBytes(frame.settings, acknowledged, 0, Buffer.alloc(0)));
    if (type === frame.ping && (flags & acknowledged) === 0) {
      this.#socket.write(frameBytes(frame.ping, acknowledged, 0, bytes.subarray(at + 9, at + 9 + length)));
    }
    if (type === frame.reset) this.#end(stream, false);
    // A gRPC answer ends with trailers: one that ends with data has lost them.
    if ((type === frame.data || type === frame.headers) && (flags & endStream) !== 0)
      this.#end(stream, type === frame.headers);
  }

  #data(stream: number, length: number): void {
    this.#received.set(stream, (this.#received.get(stream) ?? 0) + length);
    this.#unreported += length;
    if (this.#unreported < refillBytes) return;
    this.#socket.write(frameBytes(frame.windowUpdate, 0, 0, uint32(this.#unreported)));
    this.#unreported = 0;
  }

  #end(stream: number, isWhole: boolean): void {
    const bytes = this.#received.get(stream);
    // A reset after the end of an answer says only that the rest of a request is not wanted.
    if (bytes === undefined) return;
    this.#received.delete(stream);
    this.#ended(isWhole ? bytes : 0, stream);
  }
}
