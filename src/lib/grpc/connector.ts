import type { Socket } from "node:net";
import { CallCredentials, ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import { Http2SubchannelConnector } from "@grpc/grpc-js/build/src/transport.js";
import type { Dialer } from "../way/dialer.ts";

/** The channel option that says who opens the connections of this channel. */
const dialerOption = "windlass.dialer";

interface Connector {
  tcpConnect(address: unknown, options: ChannelOptions): Promise<Socket>;
}

/*
 * grpc-js has no way to be given a socket: its own one resolves, connects and asks proxies in its own manner, and throws the
 * reasons away. Its connector is the one place where it opens connections; channels without our option do as ever.
 */
const connector = Http2SubchannelConnector.prototype as unknown as Connector;
const { tcpConnect } = connector;
if (typeof tcpConnect !== "function") throw new Error("this version of @grpc/grpc-js connects in another way");
connector.tcpConnect = function (address, options) {
  const dialer: Dialer | undefined = options[dialerOption];
  return dialer === undefined ? tcpConnect.call(this, address, options) : dialer.dial();
};

/** Credentials of a channel whose sockets come with TLS, or without it, as the dialer has made them. */
class DialedCredentials extends ChannelCredentials {
  readonly #isSecure: boolean;

  constructor(isSecure: boolean) {
    super();
    this.#isSecure = isSecure;
  }

  override _isSecure(): boolean {
    return this.#isSecure;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(): ReturnType<ChannelCredentials["_createSecureConnector"]> {
    const none = CallCredentials.createEmpty();
    return {
      connect: async (socket) => ({ socket, secure: this.#isSecure }),
      waitForReady: async () => {},
      getCallCredentials: () => none,
      destroy: () => {},
    };
  }
}

/** What a channel needs so that this dialer opens its connections. */
export function dialedChannel(dialer: Dialer): {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
} {
  const { server, tls } = dialer.way;
  return {
    // A path of this machine is what grpc-js neither resolves nor sends through a proxy; it is never opened.
    target: `unix:${server.authority}`,
    credentials: new DialedCredentials(server.isSecure),
    options: {
      "grpc.enable_http_proxy": 0,
      "grpc.default_authority": tls.serverName ?? server.authority,
      [dialerOption]: dialer,
    },
  };
}
