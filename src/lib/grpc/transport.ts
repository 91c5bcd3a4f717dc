import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues, type Interceptor, type Transport } from "@connectrpc/connect";
import { createMethodUrl, runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";
import { type ChannelOptions, Client, connectivityState, logVerbosity, setLogVerbosity } from "@grpc/grpc-js";
import { abortable } from "../async/abort.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { Environment } from "../environment.ts";
import { given } from "../values/records.ts";
import { Dialer } from "../way/dialer.ts";
import type { Endpoints } from "../way/endpoints.ts";
import { explained } from "../way/explained.ts";
import { type EndpointTransport, type SeveralTransport, severalTransports } from "../way/several.ts";
import { type ClientTls, wayTo } from "../way/way.ts";
import { streamingCall, unaryCall } from "./calls.ts";
import { dialedChannel } from "./connector.ts";

export interface GrpcTransportOptions {
  /** `http://127.0.0.1:7070`, `https://tf.example.com` or `https://example.com/windlass`. */
  readonly address: string;
  readonly tls?: ClientTls | undefined;
  /** Names the proxy and the system's authorities; without it there is no proxy. */
  readonly environment?: Environment | undefined;
  /** Run around every call; the place to set the authorization header. */
  readonly interceptors?: readonly Interceptor[] | undefined;
  readonly clock?: Clock | undefined;
  /** First in the user-agent header, for example `windlass-agent/1.2.3`. */
  readonly userAgent?: string | undefined;
  /** How long an open stream rests between pings (30 s), and how long their answer may take (15 s). */
  readonly keepAliveMs?: number | undefined;
  readonly keepAliveTimeoutMs?: number | undefined;
  /** What is known of the hosts behind the name. */
  readonly endpoints?: Endpoints | undefined;
}

/** A transport with one connection, which is dialled with the first call and dialled again after it broke. */
export interface GrpcTransport extends EndpointTransport, Disposable {
  /** Ends the connection and with it every call, as UNAVAILABLE or CANCELED. */
  close(): void;
  /** Ends the connection, as one that broke: calls fail as UNAVAILABLE, and the next one dials. */
  hangUp(): void;
}

const windowBytes = 1024 * 1024;
const maxMessageBytes = 4 * 1024 * 1024;

/**
 * Carries the calls of generated clients over @grpc/grpc-js, which has what agents need: keepalive and reconnection.
 * Its connections go the one way to the server (`way/`). Errors are `ConnectError`s with their details; that of a call
 * without a connection has the `WayError` as its cause. Calls fail at once while there is no connection. To leave a
 * stream early, abort its signal: breaking out of the loop over its answers does not end the call.
 */
export function createGrpcTransport(options: GrpcTransportOptions): GrpcTransport {
  // Its lines would stand beside our log; what they say is in the errors.
  setLogVerbosity(logVerbosity.NONE);
  const way = wayTo(options.address, options);
  const dialer = new Dialer(way);
  const { target, credentials, options: dialed } = dialedChannel(dialer);
  const client = new Client(target, credentials, { ...channelOptions(options), ...dialed });
  const carrier = { client, clock: options.clock ?? systemClock, prefix: way.server.prefix };
  const interceptors = [...(options.interceptors ?? [])];
  const close = () => {
    dialer.close();
    client.close();
    // Whoever calls nobody any more does not wait for what the other side has not taken.
    dialer.hangUp();
  };
  const library = {
    isConnected: () => client.getChannel().getConnectivityState(false) === connectivityState.READY,
    isNoConnection: ({ rawMessage }: ConnectError) => rawMessage.startsWith("No connection established"),
  };
  const inner: Transport = {
    unary: (method, signal, timeoutMs, header, message, contextValues) =>
      runUnaryCall({
        interceptors,
        ...given({ signal, timeoutMs }),
        req: { ...requestOf(options.address, method, header, contextValues), method, stream: false, message },
        next: (request) => unaryCall(carrier, request, timeoutMs),
      }),
    stream: (method, signal, timeoutMs, header, message, contextValues) =>
      runStreamingCall({
        interceptors,
        ...given({ signal, timeoutMs }),
        req: { ...requestOf(options.address, method, header, contextValues), method, stream: true, message },
        next: (request) => streamingCall(carrier, request, timeoutMs),
      }),
  };
  const hangUp = () => dialer.hangUp();
  return {
    ...explained(inner, dialer, library),
    connect: (signal) => connected(client, dialer, signal),
    get endpoint() {
      return dialer.endpoint;
    },
    close,
    hangUp,
    [Symbol.dispose]: close,
  };
}

/** Resolves when the server has spoken. */
function connected(client: Client, dialer: Dialer, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const channel = client.getChannel();
  const look = () => {
    if (signal.aborted) return reject(signal.reason);
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) return resolve();
    if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
      const why = dialer.whyFailed();
      return reject(new ConnectError(why?.message ?? "no connection", Code.Unavailable, undefined, undefined, why));
    }
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, look);
  };
  look();
  return abortable(promise, signal);
}

/** The same over several addresses of one control plane, of which it calls the one that is good. */
export function createGrpcTransports(
  endpoints: Endpoints,
  { clock = systemClock, ...options }: Omit<GrpcTransportOptions, "address" | "endpoints">,
): SeveralTransport {
  const open = (address: string) => createGrpcTransport({ ...options, clock, address, endpoints });
  return severalTransports({ endpoints, open, clock });
}

const channelOptions = ({ userAgent, keepAliveMs, keepAliveTimeoutMs }: GrpcTransportOptions): ChannelOptions => ({
  "grpc.keepalive_time_ms": keepAliveMs ?? 30_000,
  "grpc.keepalive_timeout_ms": keepAliveTimeoutMs ?? 15_000,
  // The callers wait with jitter themselves; the channel only must not be slower than they are.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 5_000,
  "grpc.enable_retries": 0,
  "grpc.enable_channelz": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.use_local_subchannel_pool": 1,
  "grpc-node.flow_control_window": windowBytes,
  "grpc.max_receive_message_length": maxMessageBytes,
  ...given({ "grpc.primary_user_agent": userAgent }),
});

const requestOf = (
  address: string,
  method: DescMethod,
  header: ConstructorParameters<typeof Headers>[0],
  contextValues = createContextValues(),
) => ({
  service: method.parent,
  requestMethod: "POST",
  url: createMethodUrl(address, method),
  header: new Headers(header),
  contextValues,
});
