/** A piece costs the memory of some hundred bytes beside its own. */
const smallBytes = 4 * 1024;

/**
 * Adds what came to what came before. Small pieces are joined: a sender that sends a byte at a time makes its reader hold no
 * more than others do.
 */
export function addPiece<Piece extends Uint8Array>(pieces: (Piece | Buffer)[], piece: Piece): void {
  let last: Piece | Buffer = piece;
  for (let before = pieces.at(-1); before !== undefined; before = pieces.at(-1)) {
    if (last.length >= smallBytes || before.length > last.length) break;
    pieces.pop();
    last = Buffer.concat([before, last]);
  }
  pieces.push(last);
}
