import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";
import type { Compression } from "@connectrpc/connect/protocol";
import { compressionGzip } from "@connectrpc/connect-node";

const zip = promisify(gzip);

/**
 * gzip for answers, on threads of their own. At its fastest level: logs and lists become nearly as small as at the default
 * one, in a third of the time.
 */
export const fastGzip: Compression = {
  ...compressionGzip,
  compress: async (bytes) => Uint8Array.from(await zip(bytes, { level: constants.Z_BEST_SPEED })),
};

/** Smaller answers gain less than they cost. */
export const compressMinBytes = 1_024;
