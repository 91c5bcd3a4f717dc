import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError, HandlerContext, Interceptor, StreamResponse, UnaryResponse } from "@connectrpc/connect";
import { Code } from "@connectrpc/connect";
import { type AuthenticationOptions, authenticate } from "../control/authentication.ts";
import type { Control } from "../control/control.ts";
import type { Principal } from "../domain/principal.ts";
import { WindlassError } from "../lib/errors.ts";
import { remoteAddressKey } from "./adapter.ts";
import { admissionOf, demandAdmission, nameOf } from "./admission.ts";
import { principalKey, requestIdKey } from "./caller.ts";
import { type CallFacts, isFault, toConnectError } from "./errors.ts";
import { observed } from "./streams.ts";
import { validateRequests } from "./validation.ts";

/** What every call passes, whichever port or process it comes from: its id and log, its errors, its caller, its rules. */
export const interceptorsFor = (control: Control, options: AuthenticationOptions = {}): readonly Interceptor[] => [
  watchCalls(control),
  authenticateCallers(control, options),
  validateRequests,
];

type Request = Parameters<ReturnType<Interceptor>>[0];
type Response = UnaryResponse | StreamResponse;

/** Gives each call an id, turns its errors into statuses and writes it to the access log. */
const watchCalls =
  (control: Control): Interceptor =>
  (next) =>
  async (request) => {
    const call = startCall(control, request);
    try {
      const response = await next(request);
      mark(response.header, call);
      if (!response.stream) {
        call.end();
        return response;
      }
      return { ...response, message: observed(response.message, { onError: call.refuse, onEnd: () => call.end() }) };
    } catch (error) {
      throw call.refuse(error);
    }
  };

interface Call extends CallFacts {
  readonly version: string;
  /** The status for an error, which ends the call. */
  readonly refuse: (error: unknown) => ConnectError;
  /** Writes the access log, once. */
  readonly end: (code?: Code) => void;
}

function startCall(control: Control, request: Request): Call {
  const { clock, log, random, version } = control;
  const requestId = acceptable(request.header.get("x-request-id")) ?? random.uuid();
  request.contextValues.set(requestIdKey, requestId);
  const method = nameOf(request.method);
  const startedMs = clock.monotonicMs();
  let isOpen = true;
  const end = (code?: Code) => {
    if (!isOpen) return;
    isOpen = false;
    log.debug(
      {
        ...factsOf(request),
        requestId,
        status: code === undefined ? "OK" : Code[code],
        ms: Math.round(clock.monotonicMs() - startedMs),
      },
      "call",
    );
  };
  const facts: CallFacts = { requestId, signal: request.signal };
  const refuse = (error: unknown) => {
    const refusal = toConnectError(error, facts);
    if (isFault(refusal)) log.error({ err: error, cause: causeOf(error), requestId, method }, "a call failed");
    mark(refusal.metadata, { requestId, version });
    end(refusal.code);
    return refusal;
  };
  return { ...facts, version, refuse, end };
}

const factsOf = (request: Request) => ({
  method: nameOf(request.method),
  caller: request.contextValues.get(principalKey)?.kind ?? "anybody",
  address: request.contextValues.get(remoteAddressKey),
});

const causeOf = (error: unknown) => (error instanceof Error ? error.cause : undefined);

/** An id that may stand in a log line. */
const acceptable = (id: string | null): string | undefined =>
  id !== null && /^[\w.:-]{1,128}$/.test(id) ? id : undefined;

function mark(header: Response["header"], { requestId, version }: Pick<Call, "requestId" | "version">): void {
  header.set("x-request-id", requestId);
  header.set("x-server-version", version);
}

/**
 * Finds out who calls before a byte of the request's body is taken: what nobody vouches for costs no memory. For the
 * listener; in the same process the interceptor does it.
 */
export const gateFor =
  (control: Control, options: AuthenticationOptions = {}) =>
  async (context: HandlerContext): Promise<void> => {
    try {
      const { method, values, requestHeader } = context;
      const principal = await callerBy(control, { method, header: requestHeader.get("authorization"), options });
      if (principal !== undefined) values.set(principalKey, principal);
    } catch (error) {
      const requestId = acceptable(context.requestHeader.get("x-request-id")) ?? control.random.uuid();
      const refusal = toConnectError(error, { requestId, signal: context.signal });
      if (isFault(refusal))
        control.log.error({ err: error, requestId, method: nameOf(context.method) }, "a call failed");
      mark(refusal.metadata, { requestId, version: control.version });
      throw refusal;
    }
  };

/** Finds out who calls, unless the gate has. */
const authenticateCallers =
  (control: Control, options: AuthenticationOptions): Interceptor =>
  (next) =>
  async (request) => {
    if (request.contextValues.get(principalKey) !== undefined) return next(request);
    const { method, header } = request;
    const principal = await callerBy(control, { method, header: header.get("authorization"), options });
    if (principal !== undefined) request.contextValues.set(principalKey, principal);
    return next(request);
  };

interface Credentials {
  readonly method: DescMethod;
  /** The authorization header. */
  readonly header: string | null;
  readonly options: AuthenticationOptions;
}

/** Who calls; undefined where anybody may. Refuses a caller that has no business with the method. */
async function callerBy(control: Control, { method, header, options }: Credentials): Promise<Principal | undefined> {
  const admission = admissionOf(method);
  if (admission === "anybody") return undefined;
  const principal = await authenticate(control, bearerToken(header), options);
  demandAdmission(method, admission, principal);
  return principal;
}

function bearerToken(header: string | null): string {
  if (header === null || header.trim() === "") return "";
  const [scheme, token, ...more] = header.trim().split(/\s+/);
  if (scheme?.toLowerCase() === "bearer" && token !== undefined && more.length === 0) return token;
  throw new WindlassError(
    "token_invalid",
    "the authorization header is not understood: expected authorization: Bearer wdl_usr_…",
  );
}
