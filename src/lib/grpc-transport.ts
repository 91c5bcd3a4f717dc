import type { DescMethod } from "@bufbuild/protobuf";
import { createContextValues, type Interceptor, type Transport } from "@connectrpc/connect";
import { createMethodUrl, runStreamingCall, runUnaryCall } from "@connectrpc/connect/protocol";
import { type ChannelOptions, Client } from "@grpc/grpc-js";
import { type Clock, systemClock } from "./clock.ts";
import { type ClientTls, grpcTarget } from "./grpc-address.ts";
import { streamingCall, unaryCall } from "./grpc-calls.ts";

export interface GrpcTransportOptions {
  /** `http://127.0.0.1:7070`, `https://tf.example.com` or `https://example.com/windlass`. */
  readonly address: string;
  readonly tls?: ClientTls;
  /** Run around every call; the place to set the authorization header. */
  readonly interceptors?: readonly Interceptor[];
  readonly clock?: Clock;
  /** First in the user-agent header, for example `windlass-agent/1.2.3`. */
  readonly userAgent?: string;
  /** How long an open stream rests between pings (30 s), and how long their answer may take (15 s). */
  readonly keepAliveMs?: number;
  readonly keepAliveTimeoutMs?: number;
}

/** A transport with one connection, which is dialled with the first call and dialled again after it broke. */
export interface GrpcTransport extends Transport, Disposable {
  /** Ends the connection and with it every call, as UNAVAILABLE or CANCELED. */
  close(): void;
}

const windowBytes = 1024 * 1024;
const maxMessageBytes = 4 * 1024 * 1024;

/**
 * Carries the calls of generated clients over @grpc/grpc-js, which has what agents need: keepalive, proxies by HTTP
 * CONNECT (the `https_proxy` and `no_proxy` variables), and reconnection. Errors are `ConnectError`s with their details.
 * Calls fail at once while there is no connection. To leave a stream early, abort its signal: breaking out of the loop
 * over its answers does not end the call.
 */
export function createGrpcTransport(options: GrpcTransportOptions): GrpcTransport {
  const { target, credentials, prefix } = grpcTarget(options.address, options.tls);
  const client = new Client(target, credentials, channelOptions(options));
  const carrier = { client, clock: options.clock ?? systemClock, prefix };
  const interceptors = [...(options.interceptors ?? [])];
  const close = () => client.close();
  return {
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
    close,
    [Symbol.dispose]: close,
  };
}

const channelOptions = ({ userAgent, keepAliveMs, keepAliveTimeoutMs, tls }: GrpcTransportOptions): ChannelOptions => ({
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
  ...(userAgent === undefined ? {} : { "grpc.primary_user_agent": userAgent }),
  ...(tls?.serverName === undefined
    ? {}
    : { "grpc.ssl_target_name_override": tls.serverName, "grpc.default_authority": tls.serverName }),
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

/** Without the entries that are undefined. */
const given = <T extends object>(entries: T) =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: NonNullable<T[Key]>;
  };
