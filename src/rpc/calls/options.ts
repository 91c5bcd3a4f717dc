import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError, ConnectRouter, ContextValues, HandlerContext, Interceptor } from "@connectrpc/connect";
import type { OpenStreams } from "../../http/open-streams.ts";

/** Registers services, as connect's routers take them. */
export type Routes = (router: ConnectRouter) => void;

/** What a tenant that serves calls is given. */
export interface RpcOptions {
  readonly routes: Routes;
  /** Counts the streams of connections that others serve, too. */
  readonly open?: OpenStreams | undefined;
  readonly interceptors?: readonly Interceptor[] | undefined;
  /** Runs before a request's body is taken; what it throws ends the call. */
  readonly gate?: ((context: HandlerContext) => Promise<void>) | undefined;
  /** Ends a call whose request is none, before any interceptor has seen it; answers what its caller is told. */
  readonly refuse?: ((call: EarlyCall, error: unknown) => ConnectError) | undefined;
}

/** What is known of a call before there is a message. */
export interface EarlyCall {
  readonly method: DescMethod;
  /** Of the request. */
  readonly header: Headers;
  readonly contextValues: ContextValues;
  readonly stream: boolean;
  readonly signal: AbortSignal;
}
