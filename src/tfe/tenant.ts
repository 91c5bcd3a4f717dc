import { asPerson } from "../control/core/access.ts";
import type { Control } from "../control/core/control.ts";
import type { CallObserver } from "../http/call-observer.ts";
import { type CallerOptions, callerBy, callerWith } from "../http/callers/callers.ts";
import { asPublished } from "../http/callers/origin.ts";
import { breakOff } from "../http/drain.ts";
import { demandMetadata } from "../http/metadata.ts";
import { requestIdHeader, requestIdOf } from "../http/request-id.ts";
import type { HttpExchange, Tenant } from "../http/tenant.ts";
import { linkSignals } from "../lib/async/abort.ts";
import { isWindlassError, WindlassError } from "../lib/words/errors.ts";
import { send, type TfeAnswer } from "./core/answers.ts";
import type { OpenCall, TfeServer } from "./core/call.ts";
import { isFault, refused } from "./core/errors.ts";
import { Holds } from "./core/holds.ts";
import { ObjectUrls, objectsPath } from "./core/object-urls.ts";
import { type RouteMatch, TfeRouter } from "./core/router.ts";
import { ObjectTransfers } from "./core/transfers.ts";
import { apiRoutes, openRoutes } from "./routes.ts";

export interface TfeOptions {
  readonly control: Control;
  readonly callers: CallerOptions;
  readonly observers: readonly CallObserver[];
  /** How long reads of what is under way are held until something happens; 0 is not at all. */
  readonly holdMs: number;
  /** How people reach the server, if that is set. */
  readonly publicUrl?: string | undefined;
}

/** Where the API begins, as every client has it. */
const apiPath = "/api/v2";

/** Serves the TFE API, the discovery document that leads to it, and the URLs of its objects. */
export const tfeTenant =
  ({ control, callers, observers, holdMs, publicUrl }: TfeOptions): Tenant =>
  ({ shutdown }) => {
    const server: TfeServer = {
      control,
      urls: new ObjectUrls(control.vault.tokenKey, control.clock),
      holds: new Holds(holdMs),
      transfers: new ObjectTransfers(control.clock),
    };
    const api = new TfeRouter(apiRoutes);
    const open = new TfeRouter(openRoutes);
    const isOurs = (path: string) =>
      [apiPath, objectsPath].some((root) => path === root || path.startsWith(`${root}/`));
    return async (exchange) => {
      const { request, path } = exchange;
      const method = request.method ?? "GET";
      const match = path.startsWith(`${apiPath}/`)
        ? api.match(method, path.slice(apiPath.length))
        : open.match(method, path);
      if (match === undefined && !isOurs(path)) return "not-mine";
      await answerTo({ ...server, callers, observers, publicUrl, shutdown }, exchange, match);
      return "answered";
    };
  };

interface Serving extends TfeServer, Pick<TfeOptions, "callers" | "observers" | "publicUrl"> {
  readonly shutdown: AbortSignal;
}

async function answerTo(serving: Serving, exchange: HttpExchange, match: RouteMatch | undefined): Promise<void> {
  const { control, observers, shutdown } = serving;
  const { request, response } = exchange;
  const { clock, log, random } = control;
  const header = (name: string) => textOf(request.headers[name]);
  const requestId = requestIdOf(header(requestIdHeader), random);
  response.setHeader(requestIdHeader, requestId);
  const method = match?.route.pattern ?? "unknown";
  const ends = observers.map((observe) => observe({ method, isStream: false, header }));
  const startedMs = clock.monotonicMs();
  using life = linkSignals(shutdown);
  response.once("close", () => life.abort());
  const answer = await answerOf({ ...serving, signal: life.signal }, exchange, match).catch((error: unknown) => {
    if (isFault(error) && !life.signal.aborted) log.error({ err: error, requestId, method }, "a call failed");
    return refused(error, requestId);
  });
  try {
    await send(answer, response, { isHead: request.method === "HEAD", clock });
  } catch (error) {
    if (!isWindlassError(error, "canceled")) log.error({ err: error, requestId, method }, "an answer broke off");
    breakOff(response);
  } finally {
    for (const end of ends) end(answer.status < 400 ? "OK" : String(answer.status));
    const ms = Math.round(clock.monotonicMs() - startedMs);
    log.debug({ method, requestId, address: exchange.address, status: answer.status, ms }, "call");
  }
}

const textOf = (value: string | readonly string[] | undefined): string | null =>
  value === undefined ? null : typeof value === "string" ? value : value.join(",");

async function answerOf(
  serving: Serving & { readonly signal: AbortSignal },
  exchange: HttpExchange,
  match: RouteMatch | undefined,
): Promise<TfeAnswer> {
  const { control, callers } = serving;
  const { request, address, recognize } = exchange;
  const origin = asPublished(exchange.origin, serving.publicUrl);
  demandMetadata(request);
  const query = new URL(request.url ?? "/", "http://localhost").searchParams;
  const call: OpenCall = {
    ...{ control, urls: serving.urls, holds: serving.holds, transfers: serving.transfers, signal: serving.signal },
    ...{ request, query, origin, address, recognize, params: match?.params ?? {} },
    personWith: async (token) => {
      const principal = await callerWith(control, callers, { token, address });
      await callers.rates?.admit(principal, address);
      return asPerson(principal);
    },
    isTerraform: request.headers["terraform-version"] !== undefined,
  };
  if (match?.route.admission === "anybody") {
    await callers.rates?.admit(undefined, address);
    return match.route.answer(call);
  }
  const principal = await callerBy(control, callers, { authorization: textOf(request.headers.authorization), address });
  await callers.rates?.admit(principal, address);
  recognize();
  if (match === undefined) throw unknownRoute(request.method ?? "", exchange.path);
  return match.route.answer({ ...call, who: asPerson(principal) });
}

const unknownRoute = (method: string, path: string) =>
  new WindlassError("unknown_method", `${method} ${path} is nothing that this server has`);
