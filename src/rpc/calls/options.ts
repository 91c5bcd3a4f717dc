import type { ConnectRouter, HandlerContext, Interceptor } from "@connectrpc/connect";
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
}
