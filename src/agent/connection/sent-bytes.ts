import { toBinary } from "@bufbuild/protobuf";
import { type SessionRequest, SessionRequestSchema } from "../../gen/windlass/agent/v1/agent_gateway_service_pb.ts";

/** A message of gRPC stands behind one byte and its length. */
const frameBytes = 5;
/** What a piece of a log has beside its bytes: the claim, the offset, and their names. */
const chunkHeadBytes = 96;

/** How many bytes a message is on the wire; of a piece of a log nearly so, because there are many of them. */
export const wireBytes = (request: SessionRequest): number =>
  request.message.case === "logChunk"
    ? frameBytes + chunkHeadBytes + request.message.value.chunk.length
    : frameBytes + toBinary(SessionRequestSchema, request).length;
