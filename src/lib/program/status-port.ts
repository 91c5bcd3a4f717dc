import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { ListenAddress } from "../net/listen-address.ts";
import { portOf } from "../net/port-of.ts";
import { messageOf } from "../values/errors.ts";

/** What a program tells those who watch over it. */
export interface StatusSources {
  /** In Prometheus' text form. */
  readonly metrics: () => Promise<string>;
  /** Undefined while it can do its work, else why not. */
  readonly notReady: () => string | undefined;
}

export interface StatusPort extends AsyncDisposable {
  readonly url: string;
}

/**
 * Serves `/metrics` (Prometheus), `/healthz` (the process answers) and `/readyz` (it can do its work; 503 with the reason
 * otherwise) over plain HTTP/1.1. Rejects if the address cannot be listened on.
 */
export async function openStatusPort(address: ListenAddress, sources: StatusSources): Promise<StatusPort> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (request, response) => {
    answer(request, response, sources).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(`${messageOf(error)}\n`);
    });
  });
  server.listen(address.port, address.host);
  await once(server, "listening");
  // Whoever only looks does not keep the process alive.
  server.unref();
  const port = portOf(server);
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return {
    url: `http://${host}:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, sources: StatusSources): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") return say(response, 405, "only GET\n");
  switch (request.url?.split("?", 1)[0]) {
    case "/healthz":
      return say(response, 200, "ok\n");
    case "/readyz": {
      const why = sources.notReady();
      return why === undefined ? say(response, 200, "ok\n") : say(response, 503, `${why}\n`);
    }
    case "/metrics": {
      const text = await sources.metrics();
      response.setHeader("content-type", "text/plain; version=0.0.4; charset=utf-8");
      return say(response, 200, text);
    }
    default:
      return say(response, 404, "there are /metrics, /healthz and /readyz\n");
  }
}

function say(response: ServerResponse, status: number, text: string): void {
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "text/plain; charset=utf-8");
  response.statusCode = status;
  response.end(text);
}
