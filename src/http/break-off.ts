import { constants, type ServerHttp2Stream } from "node:http2";
import type { HttpResponse } from "./messages.ts";

/**
 * Ends an answer in the middle, so that nobody takes what came of it for the whole: over HTTP/1.1 the connection ends, and a
 * stream of HTTP/2 gets a code, as one that is only destroyed says NO_ERROR, which clients take for its end.
 */
export function breakOff(response: HttpResponse): void {
  if ("stream" in response) breakOffStream(response.stream);
  else response.destroy();
}

/** The same of a stream of HTTP/2. What still waits to be sent goes with it. */
export function breakOffStream(stream: ServerHttp2Stream): void {
  if (stream.destroyed) return;
  stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  stream.destroy();
}
