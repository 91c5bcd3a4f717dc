import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import type { Clock } from "../../lib/clock.ts";
import type { Random } from "../../lib/random.ts";

/** Who sends a call, and with which sources of time and chance. */
export interface ClientIdentity {
  readonly clock: Clock;
  readonly random: Random;
  /** Of this program. */
  readonly version: string;
}

export const requestIdHeader = "x-request-id";
/** Set on errors by this program itself: which server was called. */
export const addressHeader = "x-windlass-address";

interface Identity {
  readonly address: string;
  readonly token: string | undefined;
}

/** Adds the credential, a request id and the program's name; errors keep the request id and say which server was called. */
export const identify =
  ({ random, version }: ClientIdentity, { address, token }: Identity): Interceptor =>
  (next) =>
  async (request) => {
    const requestId = random.uuid();
    request.header.set(requestIdHeader, requestId);
    request.header.set("user-agent", `windlass/${version}`);
    if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
    try {
      return await next(request);
    } catch (error) {
      const failure = ConnectError.from(error);
      if (!failure.metadata.has(requestIdHeader)) failure.metadata.set(requestIdHeader, requestId);
      failure.metadata.set(addressHeader, address);
      throw failure;
    }
  };

/** One line for each call that was answered: method, code, milliseconds, request id. Never headers or messages. */
export const debugLines =
  (clock: Clock, write: (line: string) => void): Interceptor =>
  (next) =>
  async (request) => {
    const startMs = clock.monotonicMs();
    const report = (outcome: string) => {
      const ms = Math.round(clock.monotonicMs() - startMs);
      const id = request.header.get(requestIdHeader) ?? "";
      write(`debug: ${request.service.typeName}/${request.method.name} ${outcome} ${ms} ms ${id}`);
    };
    try {
      const response = await next(request);
      report(response.stream ? "stream opened" : "ok");
      return response;
    } catch (error) {
      report(Code[ConnectError.from(error).code] ?? "unknown");
      throw error;
    }
  };
