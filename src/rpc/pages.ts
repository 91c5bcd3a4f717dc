import type { HttpHandler, HttpResponse } from "../http/messages.ts";
import type { Readiness } from "./services/health.ts";

/** Answers everything that is no RPC: `GET /healthz`, `GET /readyz`, and a 404 in JSON for the rest. */
export function plainPages(readiness: Readiness): HttpHandler {
  return (request, response) => {
    const path = request.url?.split("?", 1)[0] ?? "";
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (isRead && path === "/healthz") return answer(response, 200, { status: "ok" });
    if (isRead && path === "/readyz") return answerReady(response, readiness);
    answer(response, 404, {
      code: "not_found",
      message: `${request.method} ${path} is neither an RPC nor a page of this server`,
    });
  };
}

const answerReady = (response: HttpResponse, { isReady }: Readiness) =>
  isReady ? answer(response, 200, { status: "ready" }) : answer(response, 503, { status: "not ready" });

function answer(response: HttpResponse, status: number, body: Readonly<Record<string, string>>): void {
  response.statusCode = status;
  response.setHeader("content-type", "application/json");
  response.setHeader("cache-control", "no-store");
  response.end(`${JSON.stringify(body)}\n`);
}
