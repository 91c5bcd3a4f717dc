import type { ServerHttp2Stream } from "node:http2";
import { finished } from "node:stream";

/** A reader that is slower than its stream holds so many bytes, and what was on its way. */
const mostHeldBytes = 256 * 1024;

/**
 * The pieces of a stream of HTTP/2 as they came: the iterator of the platform joins, and so copies, those that came together.
 * Throws how the stream broke; one that its sender resets ends like any other. Whoever stops reading leaves the rest on it, paused.
 */
export async function* arrivedPieces(stream: ServerHttp2Stream): AsyncGenerator<Uint8Array, void> {
  const pieces: Buffer[] = [];
  let held = 0;
  let end: { readonly error: unknown } | undefined;
  let news = Promise.withResolvers<void>();
  const onData = (piece: Buffer) => {
    pieces.push(piece);
    held += piece.length;
    if (held >= mostHeldBytes) stream.pause();
    news.resolve();
  };
  const stopWatching = finished(stream, { writable: false }, (error) => {
    end = { error };
    news.resolve();
  });
  stream.on("data", onData).resume();
  try {
    for (;;) {
      const piece = pieces.shift();
      if (piece !== undefined) {
        held -= piece.length;
        yield piece;
      } else if (end !== undefined) {
        if (end.error) throw end.error;
        return;
      } else {
        news = Promise.withResolvers();
        if (stream.isPaused()) stream.resume();
        await news.promise;
      }
    }
  } finally {
    stopWatching();
    stream.off("data", onData);
    // Another reader may have come meanwhile: what is left is dropped by one once the call is answered.
    if (end === undefined && stream.listenerCount("data") === 0) stream.pause();
  }
}
