/** 64 KiB as terraform prints them in a plan: what a store may compress is as it is in earnest. */
export function logPiece(): Buffer {
  const piece = Buffer.alloc(64 * 1024, 0x0a);
  let at = 0;
  for (let index = 0; at < piece.length; index++) {
    at += piece.write(
      `      + attribute_${index % 40} = "${(index * 2_654_435_761).toString(36)}" -> (known after apply)\n`,
      at,
    );
  }
  return piece;
}
