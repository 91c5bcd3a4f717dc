/** How far a log has been read: which attempt, and the next byte wanted. Epoch 0 is any attempt. */
export interface LogCursor {
  readonly epoch: bigint;
  readonly position: bigint;
}

export const logStart: LogCursor = { epoch: 0n, position: 0n };

/** What a message of a log stream brings. */
export interface ReceivedLogPiece {
  readonly offset: bigint;
  readonly chunk: Uint8Array;
  readonly epoch: bigint;
  readonly missingBytes: bigint;
}

export type Taken =
  | {
      readonly kind: "taken";
      readonly cursor: LogCursor;
      readonly bytes: Uint8Array;
      /** Bytes that will never come. */
      readonly lostBytes: bigint;
      /** True if this is the beginning of a new attempt's log. */
      readonly isNewAttempt: boolean;
    }
  /** The piece is of a newer attempt, from its middle: it must be read again from its start. */
  | { readonly kind: "restart"; readonly cursor: LogCursor };

const nothing = new Uint8Array();

/** Moves the cursor over a piece. Bytes that were read before are cut off, pieces of older attempts left out. */
export function takePiece(cursor: LogCursor, piece: ReceivedLogPiece): Taken {
  const epoch = piece.epoch === 0n ? cursor.epoch : piece.epoch;
  const isNewAttempt = cursor.epoch !== 0n && epoch > cursor.epoch;
  if (epoch < cursor.epoch) return { kind: "taken", cursor, bytes: nothing, lostBytes: 0n, isNewAttempt: false };
  if (isNewAttempt && piece.offset > 0n) return { kind: "restart", cursor: { epoch, position: 0n } };
  const position = isNewAttempt ? 0n : cursor.position;
  const end = piece.offset + BigInt(piece.chunk.length);
  const seen = position - piece.offset;
  const bytes = seen <= 0n ? piece.chunk : piece.chunk.subarray(Math.min(Number(seen), piece.chunk.length));
  const gap = piece.chunk.length > 0 && seen < 0n ? -seen : 0n;
  return {
    kind: "taken",
    cursor: { epoch, position: end > position ? end : position },
    bytes,
    lostBytes: gap > piece.missingBytes ? gap : piece.missingBytes,
    isNewAttempt,
  };
}
