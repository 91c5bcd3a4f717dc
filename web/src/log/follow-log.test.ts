import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { StreamRunLogsResponseSchema } from "../../../src/gen/windlass/v1/run_service_pb.ts";
import { LogPosition } from "./follow-log.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Takes messages, and writes down what becomes of them. */
function reader() {
  const said: string[] = [];
  const position = new LogPosition({
    onBytes: ({ bytes: chunk, offset, times }) => {
      said.push(`${new TextDecoder().decode(chunk)} at ${offset}`);
      for (const time of times) said.push(`from ${time.offset}: ${time.at?.toISOString()}`);
    },
    onGap: (count) => said.push(`gap of ${count}`),
    onReset: () => said.push("reset"),
    onEnd: (problem) => said.push(`end ${problem}`),
  });
  const take = (message: MessageInitShape<typeof StreamRunLogsResponseSchema>) =>
    position.take(create(StreamRunLogsResponseSchema, message));
  return { said, position, take };
}

test("bytes come with where they stand, and with the times of the message", () => {
  const { said, take } = reader();
  const time = timestampFromMs(1_000);
  take({ chunk: bytes("abc"), offset: 0n, epoch: 1n, times: [{ offset: 0n, time }] });
  take({ chunk: bytes("cde"), offset: 2n, epoch: 1n, times: [{ offset: 0n, time }] });
  const from = "from 0: 1970-01-01T00:00:01.000Z";
  expect(said).toEqual(["abc at 0", from, "de at 3", from]);
});

test("bytes that come twice after a break are shown once", () => {
  const { said, take, position } = reader();
  take({ chunk: bytes("abc"), offset: 0n, epoch: 1n });
  take({ chunk: bytes("bcd"), offset: 1n, epoch: 1n });
  take({ chunk: bytes("ab"), offset: 0n, epoch: 1n });
  expect(said).toEqual(["abc at 0", "d at 3"]);
  expect(position.offset).toBe(4n);
});

test("bytes that are missing are told where they are missing", () => {
  const { said, take } = reader();
  take({ chunk: bytes("abc"), offset: 0n, epoch: 1n });
  take({ chunk: bytes("x"), offset: 10n, epoch: 1n });
  expect(take({ end: true, epoch: 1n, missingBytes: 5n, logProblem: "agent vm-7 is gone" })).toBe("done");
  expect(said).toEqual(["abc at 0", "gap of 7", "x at 10", "end agent vm-7 is gone"]);
});

test("bytes that are missing at the end are told once: by what is wrong with the log, if that is known", () => {
  const { take, said } = reader();
  expect(take({ end: true, epoch: 1n, missingBytes: 5n })).toBe("done");
  expect(said).toEqual(["gap of 5", "end "]);
});

test("another attempt is read from its beginning", () => {
  const { said, take, position } = reader();
  take({ chunk: bytes("first attempt"), offset: 0n, epoch: 1n });
  expect(take({ chunk: bytes("of the second"), offset: 13n, epoch: 2n })).toBe("broken");
  expect(position.offset).toBe(0n);
  expect(take({ chunk: bytes("second"), offset: 0n, epoch: 2n })).toBe("more");
  expect(said.slice(1)).toEqual(["reset", "second at 0"]);
});

test("a sign of life changes nothing", () => {
  const { said, take, position } = reader();
  expect(take({ offset: 7n, epoch: 1n })).toBe("more");
  expect([said, position.offset]).toEqual([[], 0n]);
});
