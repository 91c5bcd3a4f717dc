import type { Socket } from "node:net";
import { readProxyHeader } from "./proxy-header.ts";

/** How the connections of trusted proxies are told from others, and who hears what they say of their callers. */
export interface ProxyPeers {
  isProxy(socket: Socket): boolean;
  /** The connection is that of this address. */
  standsFor(socket: Socket, address: string): void;
  /** The connection did not begin as one of a proxy does: it is cut off. */
  refused(socket: Socket, why: string): void;
}

/** A look at the first bytes: undefined if more are needed. */
type Look<T> = (bytes: Buffer) => { readonly taken: number; readonly value: T } | undefined;

/** Hands over what `look` makes of the first bytes; those that it does not take are there for the next reader. */
function readFirst<T>(socket: Socket, look: Look<T>, onFound: (value: T) => void): void {
  const chunks: Buffer[] = [];
  const onReadable = () => {
    for (let chunk: Buffer | null = socket.read(); chunk !== null; chunk = socket.read()) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const found = look(bytes);
    if (found === undefined) return;
    socket.off("readable", onReadable);
    const rest = bytes.subarray(found.taken);
    if (rest.length > 0) socket.unshift(rest);
    onFound(found.value);
  };
  socket.on("readable", onReadable);
}

/** Hands over the first three bytes as text; nothing is taken. */
export const readStart = (socket: Socket, onStart: (start: string) => void): void =>
  readFirst(
    socket,
    (bytes) => (bytes.length < 3 ? undefined : { taken: 0, value: bytes.toString("latin1", 0, 3) }),
    onStart,
  );

/**
 * Takes the PROXY header off the connection of a trusted proxy, and goes on; one without it is cut off. Others go on as
 * they are.
 */
export function passProxyHeader(socket: Socket, proxies: ProxyPeers | undefined, onPassed: () => void): void {
  if (proxies === undefined || !proxies.isProxy(socket)) {
    onPassed();
    return;
  }
  const look: Look<ReturnType<typeof readProxyHeader>> = (bytes) => {
    const header = readProxyHeader(bytes);
    if (header.kind === "partial") return undefined;
    return { taken: header.kind === "header" ? header.bytes : 0, value: header };
  };
  readFirst(socket, look, (header) => {
    if (header.kind !== "header") {
      proxies.refused(socket, header.kind === "refused" ? header.why : "it is cut off");
      socket.destroy();
      return;
    }
    if (header.source !== undefined) proxies.standsFor(socket, header.source);
    onPassed();
  });
}
