/** A header of the PROXY protocol, version 2, and ways to get it wrong. */
interface BinaryHeader {
  /** IPv6 addresses with all their eight groups. */
  readonly source?: string;
  readonly version?: number;
  readonly command?: number;
  readonly family?: number;
  readonly extensions?: Buffer;
}

const signature = Buffer.from("0d0a0d0a000d0a515549540a", "hex");

/** As a proxy sends it before everything else. */
export function binaryHeader({ source, version = 2, command = 1, family, extensions }: BinaryHeader): Buffer {
  const isV6 = source?.includes(":") === true;
  const address = source === undefined ? Buffer.alloc(0) : bytesOf(source);
  const ports = Buffer.from([0x12, 0x67, 0x01, 0xbb]);
  const addresses = source === undefined ? address : Buffer.concat([address, Buffer.alloc(address.length, 1), ports]);
  const body = Buffer.concat([addresses, extensions ?? Buffer.alloc(0)]);
  const fixed = Buffer.from([
    (version << 4) | command,
    family ?? (isV6 ? 0x21 : 0x11),
    body.length >> 8,
    body.length & 255,
  ]);
  return Buffer.concat([signature, fixed, body]);
}

const bytesOf = (address: string): Buffer =>
  address.includes(":")
    ? Buffer.from(
        address
          .split(":")
          .map((group) => group.padStart(4, "0"))
          .join(""),
        "hex",
      )
    : Buffer.from(address.split(".").map(Number));
