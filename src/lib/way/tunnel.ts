import { type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { abortable } from "../async/abort.ts";
import { version } from "../program/version.ts";
import { given } from "../values/records.ts";
import type { ForwardProxy } from "./proxy.ts";
import { hostPort, type ServerAddress } from "./server-address.ts";
import { type Asked, refusalWords, silentProxy, strangeProxy } from "./tunnel-words.ts";

/**
 * Asks the proxy at the other end of this socket for a tunnel to the server, and answers when it is open; what the
 * server has already said stays in the socket. Rejects with a `WayError`, or with the signal's reason, and the socket
 * is destroyed then.
 */
export async function openTunnel(
  socket: Socket,
  {
    proxy,
    server,
    deadlineMs,
  }: { readonly proxy: ForwardProxy; readonly server: ServerAddress; readonly deadlineMs: number },
  signals: { readonly deadline: AbortSignal; readonly signal: AbortSignal },
): Promise<void> {
  const asked: Asked = { proxy, target: hostPort(server.host, server.port) };
  try {
    const { status, head } = await abortable(connected(socket, asked), signals.deadline);
    if (status !== undefined) throw refusalWords(asked, status);
    if (head.length > 0) socket.unshift(head);
  } catch (error) {
    socket.destroy();
    signals.signal.throwIfAborted();
    throw signals.deadline.aborted ? silentProxy(asked, deadlineMs) : error;
  }
}

interface Answer {
  /** Undefined if the tunnel is open. */
  readonly status: IncomingMessage | undefined;
  readonly head: Buffer;
}

function connected(socket: Socket, asked: Asked): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { authorization } = asked.proxy;
  const sent = request({
    createConnection: () => socket,
    method: "CONNECT",
    path: asked.target,
    setHost: false,
    headers: {
      host: asked.target,
      "user-agent": `windlass/${version}`,
      ...given({ "proxy-authorization": authorization }),
    },
  });
  sent.on("error", (error) => reject(strangeProxy(asked, error)));
  sent.once("connect", (response, _socket, head) => {
    const isOpen = response.statusCode !== undefined && response.statusCode >= 200 && response.statusCode < 300;
    resolve({ status: isOpen ? undefined : response, head });
  });
  sent.end();
  return promise;
}
