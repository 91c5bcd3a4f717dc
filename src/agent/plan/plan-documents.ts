import { createReadStream } from "node:fs";
import { promisify } from "node:util";
import { createGzip, gzip } from "node:zlib";
import { create } from "@bufbuild/protobuf";
import { type PlanDocuments, PlanDocumentsSchema } from "../../gen/windlass/agent/v1/plan_pb.ts";
import type { PlanDigest } from "./plan-reading.ts";

/**
 * Packs the documents of a plan that the control plane takes, at most so many bytes of them: the redacted one first. What does
 * not fit is left out, and is empty.
 */
export async function packDocuments(
  path: string,
  { documentAt, redacted }: Pick<PlanDigest, "documentAt" | "redacted">,
  maxBytes: number,
): Promise<PlanDocuments> {
  const packed = redacted === undefined ? nothing : await promisify(gzip)(redacted);
  const redactedJson = packed.length <= maxBytes ? packed : nothing;
  const planJson = await packFrom(path, documentAt, maxBytes - redactedJson.length);
  return create(PlanDocumentsSchema, { redactedJson, planJson });
}

const nothing = new Uint8Array();

/** The rest of a file from a byte on; nothing if it is more than that once it is packed. */
async function packFrom(path: string, start: number, maxBytes: number): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const source = createReadStream(path, { start });
  const packing = createGzip();
  source.on("error", (error) => packing.destroy(error));
  try {
    for await (const piece of source.pipe(packing)) {
      bytes += piece.length;
      if (bytes > maxBytes) return nothing;
      pieces.push(piece);
    }
  } finally {
    source.destroy();
  }
  return Buffer.concat(pieces);
}
