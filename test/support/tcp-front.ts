import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A proxy on this machine that passes bytes on as they are, after some of its own. */
export interface TcpFront extends AsyncDisposable {
  readonly port: number;
  /** Connections that were passed on and are over. */
  readonly ended: number;
}

/**
 * Opens it in front of a port. `first` is what each connection to that port begins with; `inPieces` it comes byte by
 * byte. `from` is its own address.
 */
export async function tcpFront(
  target: number,
  first: Buffer,
  { inPieces = false, from = "127.0.0.1" }: { readonly inPieces?: boolean; readonly from?: string } = {},
): Promise<TcpFront> {
  const sockets = new Set<Socket>();
  let ended = 0;
  const server = createServer((inside) => {
    const outside = connect({ host: "127.0.0.1", port: target, localAddress: from, noDelay: true });
    for (const socket of [inside, outside]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        inside.destroy();
        outside.destroy();
      });
    }
    outside.once("close", () => ended++);
    const pass = async () => {
      for (const piece of inPieces ? [...first].map((byte) => Buffer.of(byte)) : [first]) {
        outside.write(piece);
        await new Promise(setImmediate);
      }
      inside.pipe(outside).pipe(inside);
    };
    outside.once("connect", () => void pass());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get ended() {
      return ended;
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
