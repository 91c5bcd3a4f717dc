import { create } from "@bufbuild/protobuf";
import { createContextValues, type StreamRequest, type StreamResponse } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestControl, type TestControl } from "../../test/support/control.ts";
import { until } from "../../test/support/until.ts";
import { topics } from "../control/core/control.ts";
import { createApiKey } from "../control/people/api-keys.ts";
import type { ApiKey } from "../domain/people/api-key.ts";
import {
  RunService,
  StreamRunLogsRequestSchema,
  StreamRunLogsResponseSchema,
} from "../gen/windlass/v1/run_service_pb.ts";
import { principalKey } from "./calls/caller.ts";
import { endWithKey } from "./key-watch.ts";

let fixture: TestControl;
let key: ApiKey;
let looks: number;
let open: (caller?: AbortController) => Promise<AsyncIterator<unknown>>;

beforeEach(async () => {
  fixture = await openTestControl();
  ({ key } = await createApiKey(fixture.control, {
    name: "ci",
    role: "owner",
    organizationId: fixture.organization.id,
  }));
  looks = 0;
  const { store } = fixture.control;
  const read: typeof store.read = (fn) => {
    looks += 1;
    return store.read(fn);
  };
  const interceptor = endWithKey({ ...fixture.control, store: { ...store, read } });
  open = async (caller = new AbortController()) => {
    const call = interceptor(async (request) => answered(request.signal));
    const response = await call(requestOf(caller.signal));
    if (!response.stream) throw new Error("a stream was expected");
    return response.message[Symbol.asyncIterator]();
  };
});
afterEach(() => fixture[Symbol.asyncDispose]());

function requestOf(signal: AbortSignal): StreamRequest {
  const { id, name, role, organizationId } = key;
  const method = RunService.method.streamRunLogs;
  const contextValues = createContextValues().set(principalKey, { kind: "api_key", id, name, role, organizationId });
  const message = (async function* () {
    yield create(StreamRunLogsRequestSchema);
  })();
  return {
    stream: true,
    service: RunService,
    method,
    requestMethod: "POST",
    url: "",
    header: new Headers(),
    ...{ signal, contextValues, message },
  };
}

/** A message, and then nothing until the call is over. */
function answered(signal: AbortSignal): StreamResponse {
  const message = (async function* () {
    yield create(StreamRunLogsResponseSchema);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  })();
  const headers = { header: new Headers(), trailer: new Headers() };
  return { stream: true, service: RunService, method: RunService.method.streamRunLogs, message, ...headers };
}

async function revoke(): Promise<void> {
  await fixture.control.store.write((tx) => tx.apiKeys.save({ ...key, revokedAt: fixture.clock.now() }));
  fixture.control.wake.notify(topics.key(key.id));
}

test("all streams of a key end with it, also those that came later", async () => {
  const [one, other] = [await open(), await open()];
  await one.next();
  await other.next();
  const ends = [one.next(), other.next()].map((end) => expect(end).rejects.toMatchObject({ code: "token_revoked" }));
  await revoke();
  await Promise.all(ends);
  const late = await open();
  await late.next();
  await expect(late.next()).rejects.toMatchObject({ code: "token_revoked" });
});

test("one look at a key does for all its streams", async () => {
  for (let count = 0; count < 5; count++) await (await open()).next();
  await until("the key is watched", () => fixture.control.wake.waitedTopics > 0);
  expect(looks).toBe(1);
});

test("a stream that has ended leaves the others watched, and the last one ends the watch", async () => {
  const [one, other] = [await open(), await open()];
  await one.next();
  await other.next();
  await one.return?.();
  const end = expect(other.next()).rejects.toMatchObject({ code: "token_revoked" });
  await revoke();
  await end;
  await until("nobody waits", () => fixture.control.wake.waitedTopics === 0);
});

test("a caller who goes leaves no watch behind, whether or not its stream was read", async () => {
  const caller = new AbortController();
  await open(caller);
  await until("the key is watched", () => fixture.control.wake.waitedTopics > 0);
  caller.abort();
  await until("nobody waits", () => fixture.control.wake.waitedTopics === 0);
});
