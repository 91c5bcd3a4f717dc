import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { RunSchema } from "../../gen/windlass/v1/run_pb.ts";
import { RunService } from "../../gen/windlass/v1/run_service_pb.ts";
import { observed } from "../../lib/async/streams.ts";
import { silentLog } from "../../lib/program/log.ts";
import { toConnectError } from "../calls/errors.ts";
import { boundAnswers, maxAnswerBytes } from "./answer-limit.ts";

const facts = { requestId: "r", signal: new AbortController().signal };

/** A server whose runs have so many bytes of variables. */
function runs(bytes: number) {
  const variables = [{ key: "large", value: "x".repeat(bytes) }];
  const run = create(RunSchema, {
    id: "run_1",
    message: "why",
    options: { planOnly: true, targets: ["a"], variables },
  });
  const transport = createRouterTransport(
    (router) =>
      router.service(RunService, {
        getRun: () => ({ run }),
        createRun: () => ({ run }),
        watchRun: async function* () {
          yield { run };
        },
      }),
    {
      router: {
        interceptors: [
          (next) => async (request) => {
            try {
              const response = await next(request);
              const onError = (error: unknown) => toConnectError(error, facts);
              return response.stream ? { ...response, message: observed(response.message, { onError }) } : response;
            } catch (error) {
              throw toConnectError(error, facts);
            }
          },
          boundAnswers({ log: silentLog() }),
        ],
      },
    },
  );
  return createClient(RunService, transport);
}

const tooLarge = 4.5 * 1024 * 1024;
const refusalOf = (answer: Promise<unknown>) => answer.then(() => undefined, ConnectError.from);

test("a read that would be larger than stock clients read is refused with its limit and a hint", async () => {
  const refusal = await refusalOf(runs(tooLarge).getRun({ runId: "run_1" }));
  expect(refusal).toMatchObject({ code: Code.ResourceExhausted });
  expect(refusal?.rawMessage).toBe(
    "the answer of GetRun would have more than 4194304 bytes: ask for it with a call that has pages: lists leave out what is large",
  );
  expect(refusal?.findDetails(ErrorInfoSchema)).toMatchObject([
    { reason: "ANSWER_TOO_LARGE", domain: "windlass", metadata: { limit_bytes: "4194304", hint: expect.any(String) } },
  ]);
});

test("so is a message of a stream", async () => {
  const reading = Array.fromAsync(runs(tooLarge).watchRun({ runId: "run_1" }));
  await expect(reading).rejects.toThrow("the answer of WatchRun would have more than");
});

test("a change that has happened is answered all the same, without its largest parts", async () => {
  const { run } = await runs(tooLarge).createRun({ workspace: "network" });
  expect(run).toMatchObject({
    id: "run_1",
    message: "why",
    options: { planOnly: true, targets: ["a"], variables: [] },
  });
});

test("what just fits is answered whole", async () => {
  const { run } = await runs(maxAnswerBytes - 100).getRun({ runId: "run_1" });
  expect(run?.options?.variables[0]?.value).toHaveLength(maxAnswerBytes - 100);
  if (run !== undefined) expect(toBinary(RunSchema, run).length).toBeLessThanOrEqual(maxAnswerBytes);
});
