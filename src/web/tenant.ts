import type { CallObserver } from "../http/call-observer.ts";
import { demandMetadata } from "../http/metadata.ts";
import { requestIdHeader, requestIdOf } from "../http/request-id.ts";
import type { HttpExchange, Tenant } from "../http/tenant.ts";
import { linkSignals } from "../lib/async/abort.ts";
import { isWindlassError } from "../lib/words/errors.ts";
import { isFault, toConnectError } from "../rpc/calls/errors.ts";
import { refusalAnswer } from "../rpc/wire/refusal.ts";
import { sendAnswer } from "../rpc/wire/send.ts";
import { sendWeb, type WebAnswer } from "./answers.ts";
import { headerOf, type WebCall } from "./call.ts";
import { answerSession, sessionPath } from "./session.ts";

export interface WebOptions extends Pick<WebCall, "control" | "callers"> {
  readonly observers: readonly CallObserver[];
}

/** What answers a path, and how it is called where calls are counted. */
interface WebRoute {
  readonly name: string;
  readonly answer: (call: WebCall) => Promise<WebAnswer> | WebAnswer;
}

/** Serves browsers. */
export const webTenant =
  (options: WebOptions): Tenant =>
  ({ shutdown }) =>
  async (exchange) => {
    const route = routeOf(exchange);
    if (route === undefined) return "not-mine";
    await answerTo({ ...options, shutdown }, exchange, route);
    return "answered";
  };

function routeOf({ path, request }: HttpExchange): WebRoute | undefined {
  if (path === sessionPath) return { name: `${request.method} ${sessionPath}`, answer: answerSession };
  return undefined;
}

interface Serving extends WebOptions {
  readonly shutdown: AbortSignal;
}

async function answerTo(serving: Serving, exchange: HttpExchange, { name, answer }: WebRoute): Promise<void> {
  const { control, observers, shutdown } = serving;
  const { request, response } = exchange;
  const { clock, log, random } = control;
  const header = (name: string) => headerOf(exchange, name);
  const requestId = requestIdOf(header(requestIdHeader), random);
  response.setHeader(requestIdHeader, requestId);
  const ends = observers.map((observe) => observe({ method: name, isStream: false, header }));
  using life = linkSignals(shutdown);
  response.once("close", () => life.abort());
  try {
    demandMetadata(request);
    const call = callOf(serving, exchange, life.signal);
    await sendWeb(await answer(call), response, { isHead: request.method === "HEAD", clock });
  } catch (error) {
    const refusal = toConnectError(error, { requestId, signal: life.signal });
    if (isFault(refusal)) log.error({ err: error, requestId, method: name }, "a call failed");
    if (response.headersSent) response.destroy();
    else if (!isWindlassError(error, "canceled")) await sendAnswer(refused(refusal), response);
  } finally {
    const { statusCode: status } = response;
    for (const end of ends) end(status < 400 ? "OK" : String(status));
    log.debug({ method: name, requestId, address: exchange.address, status }, "call");
  }
}

const refused = (refusal: ReturnType<typeof toConnectError>) =>
  refusalAnswer(refusal, { contentType: "", header: new Headers({ "cache-control": "no-store" }) });

function callOf({ control, callers }: Serving, exchange: HttpExchange, signal: AbortSignal): WebCall {
  const { request, path, origin, address, recognize } = exchange;
  const query = new URL(request.url ?? "/", "http://localhost").searchParams;
  return { control, callers, request, path, query, origin, address, recognize, signal };
}
