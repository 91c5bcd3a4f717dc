import type { HttpResponse } from "./messages.ts";
import type { Readiness } from "./readiness.ts";
import type { HttpExchange, Tenant } from "./tenant.ts";

/** Answers `GET /healthz` (the process answers) and `GET /readyz` (it can do its work). */
export const healthPages =
  (readiness: Readiness): Tenant =>
  () =>
  async ({ request, response, path }) => {
    if (request.method !== "GET" && request.method !== "HEAD") return "not-mine";
    if (path === "/healthz") answer(response, 200, { status: "ok" });
    else if (path === "/readyz") answerReady(response, readiness);
    else return "not-mine";
    return "answered";
  };

/** Answers what is nobody's. */
export const notFound = ({ request, response, path }: HttpExchange): void =>
  answer(response, 404, {
    code: "not_found",
    message: `${request.method} ${path} is neither an RPC nor a page of this server`,
  });

const answerReady = (response: HttpResponse, { whyNot }: Readiness) =>
  whyNot === undefined
    ? answer(response, 200, { status: "ready" })
    : answer(response, 503, { status: "not ready", reason: whyNot });

function answer(response: HttpResponse, status: number, body: Readonly<Record<string, string>>): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.setHeader("cache-control", "no-store");
  response.end(`${JSON.stringify(body)}\n`);
}
