import type { ServiceImpl } from "@connectrpc/connect";
import type { Control } from "../../control/core/control.ts";
import { takePersonPart } from "../../control/states/person-uploads.ts";
import { UploadPurpose, type UploadService } from "../../gen/windlass/v1/upload_service_pb.ts";
import { callerOf } from "../calls/caller.ts";
import { fromReference } from "../mapping/reference.ts";

/** Takes what is too large for one call in parts. */
export const uploadService = (control: Control): ServiceImpl<typeof UploadService> => ({
  uploadPart: async (request, context) => {
    const { sha256, sizeBytes, offset, chunk } = request;
    const part = {
      workspace: fromReference(request),
      purpose: request.purpose === UploadPurpose.STATE ? ("state" as const) : ("configuration" as const),
      sha256,
      bytes: Number(sizeBytes),
      offset: Number(offset),
      chunk,
    };
    return { nextOffset: BigInt(await takePersonPart(control, callerOf(context), part)) };
  },
});
