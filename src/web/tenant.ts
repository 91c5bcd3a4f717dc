import type { CallObserver } from "../http/call-observer.ts";
import { breakOff } from "../http/drain.ts";
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
import { answerDownload, downloadPath, downloadPlaces } from "./downloads.ts";
import type { WebFiles } from "./files.ts";
import { pageOfTfePath, redirectTo } from "./redirects.ts";
import { answerSession, sessionPath } from "./session.ts";
import { answerFile, belowPathPage, isPagePath, noSuchFile, unbuiltPage } from "./ui.ts";

export interface WebOptions extends Pick<WebCall, "control" | "callers"> {
  /** Undefined if it was not built. */
  readonly files: WebFiles | undefined;
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
  ({ shutdown }) => {
    const places = downloadPlaces(options.control.clock);
    return async (exchange) => {
      const route = routeOf(exchange, options.files);
      if (route === undefined) return "not-mine";
      await answerTo({ ...options, places, shutdown }, exchange, route);
      return "answered";
    };
  };

/** Undefined for what is not the UI's. */
function routeOf({ path, request }: HttpExchange, files: WebFiles | undefined): WebRoute | undefined {
  const { method = "" } = request;
  if (path === sessionPath) return { name: `${method} ${sessionPath}`, answer: answerSession };
  if (method !== "GET" && method !== "HEAD") return undefined;
  if (path.startsWith(downloadPath)) return { name: `GET ${downloadPath}`, answer: answerDownload };
  const page = pageOfTfePath(path);
  if (page !== undefined) return { name: "GET /app", answer: () => redirectTo(page) };
  const file = files?.find(path);
  if (files !== undefined && file !== undefined)
    return { name: "GET /assets", answer: (call) => answerFile(call, files, file) };
  if (path.startsWith("/assets/")) return { name: "GET /assets", answer: noSuchFile };
  if (!isPagePath(path)) return undefined;
  return { name: "GET /", answer: (call) => answerPage(call, files) };
}

function answerPage(call: WebCall, files: WebFiles | undefined): Promise<WebAnswer> | WebAnswer {
  if (new URL(call.origin).pathname !== "/") return belowPathPage(call);
  return files === undefined ? unbuiltPage(call) : answerFile(call, files, files.index);
}

interface Serving extends WebOptions, Pick<WebCall, "places"> {
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
    if (response.headersSent) breakOff(response);
    else if (!isWindlassError(error, "canceled")) await sendAnswer(refused(refusal), response, clock);
  } finally {
    const { statusCode: status } = response;
    for (const end of ends) end(status < 400 ? "OK" : String(status));
    log.debug({ method: name, requestId, address: exchange.address, status }, "call");
  }
}

const refused = (refusal: ReturnType<typeof toConnectError>) =>
  refusalAnswer(refusal, { contentType: "", header: new Headers({ "cache-control": "no-store" }) });

function callOf({ control, callers, places }: Serving, exchange: HttpExchange, signal: AbortSignal): WebCall {
  const { request, path, origin, address, recognize } = exchange;
  const query = new URL(request.url ?? "/", "http://localhost").searchParams;
  return { control, callers, places, request, path, query, origin, address, recognize, signal };
}
