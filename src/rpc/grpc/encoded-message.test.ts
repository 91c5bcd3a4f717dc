import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { StreamRunLogsResponseSchema } from "../../gen/windlass/v1/run_service_pb.ts";
import { encodedMessage } from "./encoded-message.ts";

const encode = (init: MessageInitShape<typeof StreamRunLogsResponseSchema>) => {
  const message = create(StreamRunLogsResponseSchema, init);
  return { message, parts: encodedMessage(StreamRunLogsResponseSchema, message) };
};

test("a small message is one part", () => {
  const { message, parts } = encode({ offset: 7n, chunk: Buffer.from("a line\n") });
  expect(parts).toEqual([toBinary(StreamRunLogsResponseSchema, message)]);
});

test.each([16 * 1024, 256 * 1024])(
  "%i bytes of a field are sent from where they lie, and read back the same",
  (bytes) => {
    const chunk = new Uint8Array(bytes).fill(7);
    const { message, parts } = encode({ offset: 7n, chunk, epoch: 3n, end: true, logProblem: "none" });
    expect(parts.at(-1)).toBe(chunk);
    expect(fromBinary(StreamRunLogsResponseSchema, Uint8Array.from(Buffer.concat(parts)))).toEqual(message);
    expect(message.chunk).toBe(chunk);
  },
);
