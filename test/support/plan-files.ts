import type { UploadedFiles } from "../../src/control/jobs/plan-files.ts";
import { sha256 } from "./control.ts";

/** An archive as it comes from an agent, in small pieces. */
export function uploadedFiles(content: Uint8Array, over: Partial<UploadedFiles> = {}): UploadedFiles {
  async function* bytes() {
    for (let at = 0; at < content.length; at += 10_000) yield content.subarray(at, at + 10_000);
  }
  return { sizeBytes: content.length, sha256: sha256(content), bytes: bytes(), ...over };
}
